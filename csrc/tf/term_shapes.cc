#include "csrc/tf/term_shapes.h"

#include <stdexcept>
#include <string>

namespace blockhess {

std::vector<Term> read_term_attributes(const Attributes& attributes, TermKind kind) {
  std::vector<Term> terms = read_terms(attributes.text("terms"), kind);
  check_num_operands(terms, attributes.integer("num_operands"));
  return terms;
}

Results read_results(const Attributes& attributes) {
  return {attributes.flag("want_value"), attributes.flag("want_gradient"),
          find_layout(attributes.text("layout")).value_or(Layout::kNone)};
}

TermShapes check_x_and_operands(const std::vector<Term>& terms, const std::vector<Shape>& inputs) {
  const Shape& x = inputs.at(0);
  if (x.size() != 2) {
    throw std::invalid_argument("x has shape " + to_string(x) +
                                "; expected two axes: rows and columns");
  }
  const std::vector<Shape> operands(inputs.begin() + 1, inputs.end());
  return {x[0], x[1], operand_strides(terms, x[0], x[1], operands), {}};
}

void check_shape(const char* name, const Shape& shape, const Shape& expected) {
  if (shape == expected) return;
  throw std::invalid_argument(std::string(name) + " has shape " + to_string(shape) + "; expected " +
                              to_string(expected));
}

}  // namespace blockhess
