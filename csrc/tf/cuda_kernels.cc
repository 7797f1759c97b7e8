// The op kernels on NVIDIA GPUs, on TensorFlow's stream, with working memory from its allocator.
#include "csrc/core/half.h"
#include "csrc/tf/cuda_backend.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/map_op.h"
#include "csrc/tf/terms_grad_op.h"
#include "csrc/tf/terms_op.h"
#include "xla/stream_executor/stream.h"

namespace blockhess {
namespace {

using tensorflow::OpKernelContext;

class KernelAllocator {
 public:
  explicit KernelAllocator(OpKernelContext* context) : context_(context) {}

  absl::StatusOr<void*> operator()(int64_t bytes) {
    TF_RETURN_IF_ERROR(context_->allocate_temp(tensorflow::DT_UINT8,
                                               tensorflow::TensorShape({bytes}), &workspace_));
    return workspace_.data();
  }

 private:
  OpKernelContext* context_;
  tensorflow::Tensor workspace_;
};

template <typename T>
class CudaKernelBackend : public CudaBackend<T, KernelAllocator> {
 public:
  explicit CudaKernelBackend(OpKernelContext* context)
      : CudaBackend<T, KernelAllocator>(
            context->op_device_context()->stream()->platform_specific_handle().stream,
            KernelAllocator(context)) {}
};

#define REGISTER_CUDA_KERNEL(Op, TensorType, T)                                       \
  REGISTER_KERNEL_BUILDER(                                                            \
      Name(Op::kName).Device(tensorflow::DEVICE_GPU).TypeConstraint<TensorType>("T"), \
      Kernel<Op, CudaKernelBackend<T>>);
#define REGISTER_CUDA_KERNELS(Op)                     \
  REGISTER_CUDA_KERNEL(Op, Eigen::half, Half)         \
  REGISTER_CUDA_KERNEL(Op, Eigen::bfloat16, BFloat16) \
  REGISTER_CUDA_KERNEL(Op, float, float)              \
  REGISTER_CUDA_KERNEL(Op, double, double)

REGISTER_CUDA_KERNELS(TermsOp)
REGISTER_CUDA_KERNELS(TermsGradOp)
REGISTER_CUDA_KERNELS(MapOp)
#undef REGISTER_CUDA_KERNELS
#undef REGISTER_CUDA_KERNEL

}  // namespace
}  // namespace blockhess
