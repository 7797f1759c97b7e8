#include "csrc/tf/kernel.h"

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
