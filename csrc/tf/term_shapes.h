// What the forward op and its vector-Jacobian product have in common: how they read their
// attributes, and the shapes of x and of the operands.
#pragma once

#include <vector>

#include "csrc/core/needs.h"
#include "csrc/core/operands.h"
#include "csrc/core/term.h"
#include "csrc/tf/attributes.h"

namespace blockhess {

// The shape of an unwanted output.
inline const Shape kNothing = {0};

// The shapes of a call whose inputs were checked.
struct TermShapes {
  int64_t N, K;
  std::vector<Strides> strides;  // of the operands
  std::vector<Shape> outputs;
};

// Both throw std::invalid_argument for anything that cannot be run.
std::vector<Term> read_term_attributes(const Attributes& attributes, TermKind kind);
Results read_results(const Attributes& attributes);

// Checks inputs 0 (x) and 1 .. strides.size(), the operands; the outputs are left to the caller.
// Throws std::invalid_argument that names the shapes.
TermShapes check_x_and_operands(const std::vector<Term>& terms, const std::vector<Shape>& inputs);

// Throws std::invalid_argument that names the input and both shapes.
void check_shape(const char* name, const Shape& shape, const Shape& expected);

// The arguments of either op, with the members set that both have.
template <typename T, template <typename> class Arguments>
Arguments<T> common_arguments(const TermShapes& shapes, const std::vector<Term>& terms,
                              Layout layout, const T* x) {
  Arguments<T> arguments{};
  arguments.N = shapes.N;
  arguments.K = shapes.K;
  arguments.num_terms = static_cast<int>(terms.size());
  arguments.terms = terms.data();
  arguments.x = x;
  arguments.layout = layout;
  return arguments;
}

}  // namespace blockhess
