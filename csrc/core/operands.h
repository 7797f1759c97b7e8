// Checks the shapes of a term's operands against x and turns them into strides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/term.h"

namespace blockhess {

using Shape = std::vector<int64_t>;

std::string to_string(const Shape& shape);

inline int64_t num_elements(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

// The shape of the blocks of N rows; {0} for no layout. Where packed size or K * K overflows, the
// shape still has every factor, so that whoever multiplies them finds out.
Shape hessian_shape(Layout layout, int64_t N, int64_t K);

// Throws std::invalid_argument unless the terms read exactly `num_operands` operands.
void check_num_operands(const std::vector<Term>& terms, int64_t num_operands);

// The strides of one operand.
struct Strides {
  int64_t row = 0;
  int64_t column = 0;
};

// The strides of every operand of every term, in order. Throws std::invalid_argument that names the
// operand, its term, its shape and what was expected. `shapes` has the length that
// check_num_operands accepts.
std::vector<Strides> operand_strides(const std::vector<Term>& terms, int64_t N, int64_t K,
                                     const std::vector<Shape>& shapes);

// Pointers and strides joined into what a backend takes; keeps the arrays that Operands points to.
template <typename T>
class BoundOperands {
 public:
  BoundOperands(const std::vector<Term>& terms, const std::vector<Strides>& strides,
                const std::vector<T*>& data) {
    parameters_.reserve(data.size());  // so that pointers into it stay valid
    size_t next = 0;
    const auto take_parameters = [&](int count) {
      const Parameter<T>* first = parameters_.data() + parameters_.size();
      for (int i = 0; i < count; ++i, ++next) {
        parameters_.push_back({data[next], strides[next].row, strides[next].column});
      }
      return first;
    };
    const auto take_row_operand = [&](bool present) -> RowOperand<T> {
      if (!present) return {nullptr, 0};
      const size_t i = next++;
      return {data[i], strides[i].row};
    };
    for (const Term& term : terms) {
      Operands<T> operands;
      operands.phi_parameters = take_parameters(term.num_phi_parameters());
      operands.S = take_row_operand(term.quadratic);
      operands.b = take_row_operand(term.linear);
      operands.psi_parameters = take_parameters(term.num_psi_parameters());
      operands_.push_back(operands);
    }
  }

  const Operands<T>* get() const { return operands_.data(); }

 private:
  std::vector<Parameter<T>> parameters_;
  std::vector<Operands<T>> operands_;
};

}  // namespace blockhess
