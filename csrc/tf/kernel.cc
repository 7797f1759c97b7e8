#include "csrc/tf/kernel.h"

#include "tensorflow/core/util/work_sharder.h"

namespace blockhess {

using absl::Status;
using tensorflow::OpKernelContext;

Status guarded(const std::function<void()>& function) {
  try {
    function();
  } catch (const std::invalid_argument& error) {
    return absl::InvalidArgumentError(error.what());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::runtime_error& error) {
    return absl::FailedPreconditionError(error.what());
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
  return Status();
}

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

Shape to_shape(const tensorflow::TensorShape& shape) {
  Shape sizes;
  for (int i = 0; i < shape.dims(); ++i) sizes.push_back(shape.dim_size(i));
  return sizes;
}

Status allocate(OpKernelContext* context, int index, const Shape& sizes,
                tensorflow::Tensor** output) {
  int64_t bytes = tensorflow::DataTypeSize(context->expected_output_dtype(index));
  bool fits = true;
  for (const int64_t size : sizes) fits &= !__builtin_mul_overflow(bytes, size, &bytes);
  if (!fits) {
    return absl::ResourceExhaustedError("a result of shape " + to_string(sizes) +
                                        " is larger than 2^63 bytes");
  }
  return context->allocate_output(index, tensorflow::TensorShape(sizes), output);
}

}  // namespace blockhess
