// What the op kernels share: errors of the floors below as TensorFlow statuses, TensorFlow's thread
// pool as the backend's, and tensor shapes.
#pragma once

#include <functional>
#include <new>
#include <stdexcept>
#include <string>

#include "csrc/core/operands.h"
#include "csrc/cpu/functions.h"
#include "csrc/cpu/parallel.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace blockhess {

// Runs `function`, which may throw; nothing is thrown further.
absl::Status guarded(const std::function<void()>& function);

absl::Status to_status(cpu::Result result);

cpu::ParallelFor parallel_for(tensorflow::OpKernelContext* context);

Shape to_shape(const tensorflow::TensorShape& shape);

// An output of the sizes given, with ResourceExhausted where their product cannot be addressed.
absl::Status allocate(tensorflow::OpKernelContext* context, int index, const Shape& sizes,
                      tensorflow::Tensor** output);

// What an unwanted output is.
inline const Shape kNothing = {0};

}  // namespace blockhess
