// The op kernels on the CPU, on TensorFlow's thread pool.
#include "csrc/tf/register_kernels.h"
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

#define OPERATION(name, ...) REGISTER_KERNELS(name, tensorflow::DEVICE_CPU, CpuKernelBackend)
#include "csrc/tf/operations.def"

}  // namespace
}  // namespace blockhess
