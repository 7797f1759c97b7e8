// Errors of the floors below as TensorFlow statuses.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "csrc/core/operands.h"

namespace blockhess {

// Runs `function`, which may throw; nothing is thrown further.
absl::Status guarded(const std::function<absl::Status()>& function);

// ResourceExhausted where an array of these sizes cannot be addressed.
absl::Status check_addressable(const Shape& sizes, int64_t value_bytes);

}  // namespace blockhess
