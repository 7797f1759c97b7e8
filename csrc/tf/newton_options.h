// What the two ops that give Newton directions have in common: damping and on_indefinite.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "csrc/core/arguments.h"
#include "csrc/core/operands.h"
#include "csrc/tf/attributes.h"

namespace blockhess {

// Throws std::invalid_argument.
OnIndefinite read_on_indefinite(const Attributes& attributes);

// Throws std::invalid_argument that names the shapes; returns the stride from row to row.
int64_t damping_stride(const Shape& damping, int64_t N);

// run(options): what the backend returns, or the error that on_indefinite asks for.
template <typename T, typename Run>
absl::Status with_newton_options(const T* damping, int64_t row_stride, OnIndefinite on_indefinite,
                                 const Run& run) {
  IndefiniteRow<T> found;
  const absl::Status status = run(NewtonOptions<T>{{damping, row_stride}, on_indefinite, &found});
  if (!status.ok() || found.row < 0) return status;
  return absl::InvalidArgumentError(absl::StrCat(
      "the block of row ", found.row, " is not positive definite: pivot ", found.pivot,
      " of its factorisation is ", found.value, ", damping included; on_indefinite is 'error'"));
}

}  // namespace blockhess
