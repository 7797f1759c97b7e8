// The op kernels on the CPU, on TensorFlow's thread pool.
#include "csrc/tf/kernel.h"
#include "csrc/tf/map_op.h"
#include "csrc/tf/terms_grad_op.h"
#include "csrc/tf/terms_op.h"
#include "tensorflow/core/util/work_sharder.h"

namespace blockhess {
namespace {

using tensorflow::OpKernelContext;

cpu::ParallelFor parallel_for(OpKernelContext* context) {
  const auto run = [](void* pool, int64_t total, int64_t cost, cpu::ParallelFor::Body body,
                      void* body_context) {
    const auto* workers = static_cast<const tensorflow::DeviceBase::CpuWorkerThreads*>(pool);
    tensorflow::Shard(workers->num_threads, workers->workers, total, cost,
                      [&](int64_t begin, int64_t end) { body(body_context, begin, end); });
  };
  const auto* workers = context->device()->tensorflow_cpu_worker_threads();
  return {run, const_cast<tensorflow::DeviceBase::CpuWorkerThreads*>(workers),
          workers->num_threads};
}

template <typename T>
class CpuKernelBackend : public CpuBackendOf<T> {
 public:
  explicit CpuKernelBackend(OpKernelContext* context) : CpuBackendOf<T>(parallel_for(context)) {}
};

#define REGISTER_CPU_KERNEL(Op, TensorType, T)                                        \
  REGISTER_KERNEL_BUILDER(                                                            \
      Name(Op::kName).Device(tensorflow::DEVICE_CPU).TypeConstraint<TensorType>("T"), \
      Kernel<Op, CpuKernelBackend<T>>);
#define REGISTER_CPU_KERNELS(Op)                     \
  REGISTER_CPU_KERNEL(Op, Eigen::half, Half)         \
  REGISTER_CPU_KERNEL(Op, Eigen::bfloat16, BFloat16) \
  REGISTER_CPU_KERNEL(Op, float, float)              \
  REGISTER_CPU_KERNEL(Op, double, double)

REGISTER_CPU_KERNELS(TermsOp)
REGISTER_CPU_KERNELS(TermsGradOp)
REGISTER_CPU_KERNELS(MapOp)
#undef REGISTER_CPU_KERNELS
#undef REGISTER_CPU_KERNEL

}  // namespace
}  // namespace blockhess
