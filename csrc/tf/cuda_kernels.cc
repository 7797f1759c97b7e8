// The op kernels on NVIDIA GPUs: on TensorFlow's stream, with working memory from its allocator.
#include <string>

#include "csrc/core/half.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/map_kernel.h"
#include "csrc/tf/terms_grad_kernel.h"
#include "csrc/tf/terms_kernel.h"
#include "cuda/functions.h"
#include "xla/stream_executor/stream.h"

namespace blockhess {
namespace {

using absl::Status;
using tensorflow::OpKernelContext;

// A cudaStream_t.
void* cuda_stream(OpKernelContext* context) {
  return context->op_device_context()->stream()->platform_specific_handle().stream;
}

Status to_status(const cuda::Result& result) {
  if (result.is_done()) return Status();
  return absl::InternalError("CUDA: " + std::string(result.text()));
}

Status to_status(const cuda::Result& result, int64_t K) {
  if (result.status != cuda::Status::kTooWide) return to_status(result);
  return absl::UnimplementedError("x has " + std::to_string(K) + " columns, but " + result.text());
}

template <typename T>
class CudaBackend {
 public:
  using Value = T;

  Status run(OpKernelContext* context, const TermsArguments<T>& arguments) const {
    return run(context, cuda::terms_workspace(arguments), [&](void* workspace) {
      return to_status(cuda::terms(arguments, workspace, cuda_stream(context)), arguments.K);
    });
  }
  Status run(OpKernelContext* context, const TermsVjpArguments<T>& arguments) const {
    return run(context, cuda::terms_vjp_workspace(arguments), [&](void* workspace) {
      return to_status(cuda::terms_vjp(arguments, workspace, cuda_stream(context)), arguments.K);
    });
  }
  Status run(OpKernelContext* context, const MapArguments<T>& arguments) const {
    return to_status(cuda::map(arguments, cuda_stream(context)));
  }

 private:
  // The memory may go when this returns: whoever gets it next uses it later in the same stream.
  template <typename Call>
  static Status run(OpKernelContext* context, int64_t workspace_bytes, const Call& call) {
    tensorflow::Tensor workspace;
    TF_RETURN_IF_ERROR(context->allocate_temp(
        tensorflow::DT_UINT8, tensorflow::TensorShape({workspace_bytes}), &workspace));
    return call(workspace.data());
  }
};

#define REGISTER_CUDA_KERNELS(TensorType, T)                                                     \
  REGISTER_KERNEL_BUILDER(                                                                       \
      Name("BlockhessTerms").Device(tensorflow::DEVICE_GPU).TypeConstraint<TensorType>("T"),     \
      TermsKernel<CudaBackend<T>>);                                                              \
  REGISTER_KERNEL_BUILDER(                                                                       \
      Name("BlockhessTermsGrad").Device(tensorflow::DEVICE_GPU).TypeConstraint<TensorType>("T"), \
      TermsGradKernel<CudaBackend<T>>);                                                          \
  REGISTER_KERNEL_BUILDER(                                                                       \
      Name("BlockhessMap").Device(tensorflow::DEVICE_GPU).TypeConstraint<TensorType>("T"),       \
      MapKernel<CudaBackend<T>>);

REGISTER_CUDA_KERNELS(Eigen::half, Half)
REGISTER_CUDA_KERNELS(Eigen::bfloat16, BFloat16)
REGISTER_CUDA_KERNELS(float, float)
REGISTER_CUDA_KERNELS(double, double)
#undef REGISTER_CUDA_KERNELS

}  // namespace
}  // namespace blockhess
