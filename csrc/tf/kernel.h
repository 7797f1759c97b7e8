// What the op kernels share whatever device they run on: errors of the floors below as TensorFlow
// statuses, and tensor shapes.
#pragma once

#include <functional>
#include <new>
#include <stdexcept>
#include <string>

#include "csrc/core/operands.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace blockhess {

// Runs `function`, which may throw; nothing is thrown further.
absl::Status guarded(const std::function<void()>& function);

Shape to_shape(const tensorflow::TensorShape& shape);

// An output of the sizes given, with ResourceExhausted where their product cannot be addressed.
absl::Status allocate(tensorflow::OpKernelContext* context, int index, const Shape& sizes,
                      tensorflow::Tensor** output);

// The values of a tensor as the core names their type.
template <typename T>
T* values(const tensorflow::Tensor& tensor) {
  return static_cast<T*>(tensor.data());
}

// What an unwanted output is.
inline const Shape kNothing = {0};

}  // namespace blockhess
