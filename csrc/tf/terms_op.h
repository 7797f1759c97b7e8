// The op BlockhessTerms, for any caller and any backend.
#pragma once

#include <vector>

#include "csrc/tf/term_shapes.h"

namespace blockhess {

class TermsOp {
 public:
  using Shapes = TermShapes;

  // Throws std::invalid_argument.
  explicit TermsOp(const Attributes& attributes)
      : wanted_(read_results(attributes)),
        terms_(forward_parts(read_term_attributes(attributes, TermKind::kForward), wanted_)) {}

  // Throws std::invalid_argument that names the shapes.
  Shapes check(const std::vector<Shape>& inputs) const {
    Shapes shapes = check_x_and_operands(terms_, inputs);
    const int64_t N = shapes.N, K = shapes.K;
    shapes.outputs = {wanted_.value ? Shape{N} : kNothing,
                      wanted_.gradient ? Shape{N, K} : kNothing,
                      hessian_shape(wanted_.layout, N, K)};
    return shapes;
  }

  // Returns what the backend returns.
  template <typename T, typename Backend>
  auto run(const Shapes& shapes, const std::vector<const T*>& inputs,
           const std::vector<T*>& outputs, Backend backend) const {
    const std::vector<const T*> operand_data(inputs.begin() + 1, inputs.end());
    const BoundOperands<const T> operands(terms_, shapes.strides, operand_data);
    auto arguments = common_arguments<T, TermsArguments>(shapes, terms_, wanted_.layout, inputs[0]);
    arguments.operands = operands.get();
    if (wanted_.value) arguments.value = outputs[0];
    if (wanted_.gradient) arguments.gradient = outputs[1];
    if (wanted_.hessian()) arguments.hessian = outputs[2];
    return backend(arguments);
  }

 private:
  Results wanted_;
  std::vector<Term> terms_;
};

}  // namespace blockhess
