// The op kernels on the CPU.
#include "csrc/cpu/dispatch.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/map_kernel.h"
#include "csrc/tf/terms_grad_kernel.h"
#include "csrc/tf/terms_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

namespace blockhess {
namespace {

using absl::Status;
using tensorflow::OpKernelContext;

Status to_status(cpu::Result result) {
  if (result == cpu::Result::kDone) return Status();
  return absl::ResourceExhaustedError("out of memory for the working memory of a thread");
}

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

// The CPU backend of the instruction set that was selected, on TensorFlow's thread pool.
template <typename T>
class CpuBackend {
 public:
  using Value = T;

  // Throws std::runtime_error where there is no library for the instruction set.
  CpuBackend() : functions_(cpu::functions().of<T>()) {}

  Status run(OpKernelContext* context, const TermsArguments<T>& arguments) const {
    return to_status(functions_.terms(arguments, parallel_for(context)));
  }
  Status run(OpKernelContext* context, const TermsVjpArguments<T>& arguments) const {
    return to_status(functions_.terms_vjp(arguments, parallel_for(context)));
  }
  Status run(OpKernelContext* context, const MapArguments<T>& arguments) const {
    return to_status(functions_.map(arguments, parallel_for(context)));
  }

 private:
  const cpu::TypedFunctions<T>& functions_;
};

#define REGISTER_CPU_KERNELS(T)                                                         \
  REGISTER_KERNEL_BUILDER(                                                              \
      Name("BlockhessTerms").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"),     \
      TermsKernel<CpuBackend<T>>);                                                      \
  REGISTER_KERNEL_BUILDER(                                                              \
      Name("BlockhessTermsGrad").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), \
      TermsGradKernel<CpuBackend<T>>);                                                  \
  REGISTER_KERNEL_BUILDER(                                                              \
      Name("BlockhessMap").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"),       \
      MapKernel<CpuBackend<T>>);

REGISTER_CPU_KERNELS(float)
REGISTER_CPU_KERNELS(double)
#undef REGISTER_CPU_KERNELS

}  // namespace
}  // namespace blockhess
