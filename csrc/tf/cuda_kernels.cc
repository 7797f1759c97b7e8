// The op kernels on NVIDIA GPUs, on TensorFlow's stream, with working memory from its allocator.
#include "csrc/tf/cuda_backend.h"
#include "csrc/tf/register_kernels.h"
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

#define OPERATION(name, ...) REGISTER_KERNELS(name, tensorflow::DEVICE_GPU, CudaKernelBackend)
#define CPU_OPERATION(...)
#include "csrc/tf/operations.def"

}  // namespace
}  // namespace blockhess
