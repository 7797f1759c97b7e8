// What the two ops that give Newton directions have in common: damping and on_indefinite.
#pragma once

#include <string>

#include "csrc/core/arguments.h"
#include "csrc/core/operands.h"
#include "csrc/tf/attributes.h"

namespace blockhess {

// Throws std::invalid_argument.
OnIndefinite read_on_indefinite(const Attributes& attributes);

// Throws std::invalid_argument that names the shapes; returns the stride from row to row.
int64_t damping_stride(const Shape& damping, int64_t N);

// Throws std::invalid_argument that names the row.
[[noreturn]] void fail_on_indefinite(int64_t row, int64_t pivot, double value);

// Returns run(options), what the backend returns. Throws the error that on_indefinite asks for.
template <typename T, typename Run>
auto with_newton_options(const T* damping, int64_t row_stride, OnIndefinite on_indefinite,
                         const Run& run) {
  IndefiniteRow<T> found;
  const auto status = run(NewtonOptions<T>{{damping, row_stride}, on_indefinite, &found});
  if (status.ok() && found.row >= 0) {
    fail_on_indefinite(found.row, found.pivot, static_cast<double>(found.value));
  }
  return status;
}

}  // namespace blockhess
