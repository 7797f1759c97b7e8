// What a backend is called with: pointers, sizes and strides, the same for every backend. Strides
// count values; a stride of 0 repeats the operand along that axis.
#pragma once

#include <cstdint>

#include "csrc/core/layout.h"
#include "csrc/core/on_indefinite.h"

namespace blockhess {

struct Program;
struct Term;
struct VjpSteps;

// A parameter of phi, (N or 1, K or 1), or of psi, (N or 1).
template <typename T>
struct Parameter {
  T* data;  // null where the parameter's cotangent is not wanted
  int64_t row_stride;
  int64_t column_stride;
};

// S and b: one for all rows (row_stride 0) or one per row.
template <typename T>
struct RowOperand {
  T* data;
  int64_t row_stride;
};

// The operands of one term, or their cotangents. Absent parts are null.
template <typename T>
struct Operands {
  const Parameter<T>* phi_parameters;
  RowOperand<T> S;
  RowOperand<T> b;
  const Parameter<T>* psi_parameters;
};

// Value, gradient and blocks of a sum of terms. Outputs that are not wanted are null.
template <typename T>
struct TermsArguments {
  int64_t N, K;
  int num_terms;
  const Term* terms;
  const Operands<const T>* operands;
  const T* x;
  Layout layout;
  T* value;     // (N)
  T* gradient;  // (N, K)
  T* hessian;   // (N, block_size(layout, K))
};

// Whether there is a number to compute. A loop must not run where there is none: K may be any
// number where there are no rows, and N where there are no columns and nothing per row is wanted.
template <typename T>
bool has_results(const TermsArguments<T>& arguments) {
  const bool per_row = arguments.value != nullptr || block_size(arguments.layout, 0) > 0;
  return arguments.N > 0 && (arguments.K > 0 || per_row);
}

// The vector-Jacobian product of these. Absent cotangents and unwanted results are null.
template <typename T>
struct TermsVjpArguments {
  int64_t N, K;
  int num_terms;
  const Term* terms;
  const VjpSteps* steps;  // of each term
  const Operands<const T>* operands;
  const T* x;
  Layout layout;
  const T* value_cotangent;     // (N)
  const T* gradient_cotangent;  // (N, K)
  const T* hessian_cotangent;   // (N, block_size(layout, K))
  T* x_bar;
  const Operands<T>* operand_bars;
};

// A row whose block is not positive definite, and the pivot that is not positive.
template <typename T>
struct IndefiniteRow {
  int64_t row = -1;  // none
  int64_t pivot = 0;
  T value = 0;
};

// What Newton directions take beside gradient g and block H: p solves (H + damping I) p = -g.
template <typename T>
struct NewtonOptions {
  RowOperand<const T> damping;
  OnIndefinite on_indefinite;
  IndefiniteRow<T>* first_indefinite;  // set under kError
};

// The Newton directions of a sum of terms; value and gradient where they are not null.
template <typename T>
struct NewtonArguments {
  TermsArguments<T> terms;  // without Hessian
  NewtonOptions<T> options;
  T* direction;  // (N, K)
};

// The Newton directions of blocks and gradients.
template <typename T>
struct NewtonSolveArguments {
  int64_t N, K;
  const T* gradient;  // (N, K)
  const T* hessian;   // (N, K, K); the upper triangle of each block is read
  NewtonOptions<T> options;
  T* direction;  // (N, K)
};

template <typename T>
struct MapInput {
  const T* data;
  int64_t stride;  // 1, or 0 where one value serves all
};

// A program applied elementwise. The number of inputs and outputs is the program's.
template <typename T>
struct MapArguments {
  int64_t count;
  const Program* program;
  const MapInput<T>* inputs;
  T* const* outputs;
};

}  // namespace blockhess
