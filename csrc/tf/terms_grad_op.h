// The op BlockhessTermsGrad, for any caller and any backend.
#pragma once

#include <vector>

#include "csrc/tf/term_shapes.h"

namespace blockhess {

class TermsGradOp {
 public:
  using Shapes = TermShapes;

  // Throws std::invalid_argument.
  explicit TermsGradOp(const Attributes& attributes)
      : wanted_(attributes.flags("wanted")),
        given_(read_results(attributes)),
        parts_(vjp_parts(read_term_attributes(attributes, TermKind::kVjp), given_, wanted_)) {}

  // Throws std::invalid_argument that names the shapes.
  Shapes check(const std::vector<Shape>& inputs) const {
    const std::vector<Shape> x_and_operands(inputs.begin(), inputs.begin() + wanted_.size());
    Shapes shapes = check_x_and_operands(parts_.terms, x_and_operands);
    const int64_t N = shapes.N, K = shapes.K;
    const Shape* const cotangents = &inputs[wanted_.size()];
    if (given_.value) check_shape("value_cotangent", cotangents[0], {N});
    if (given_.gradient) check_shape("gradient_cotangent", cotangents[1], {N, K});
    if (given_.hessian()) {
      check_shape("hessian_cotangent", cotangents[2], hessian_shape(given_.layout, N, K));
    }
    for (size_t i = 0; i < wanted_.size(); ++i) {
      shapes.outputs.push_back(wanted_[i] ? inputs[i] : kNothing);
    }
    return shapes;
  }

  // Returns what the backend returns.
  template <typename T, typename Backend>
  auto run(const Shapes& shapes, const std::vector<const T*>& inputs,
           const std::vector<T*>& outputs, Backend backend) const {
    const std::vector<const T*> operand_data(inputs.begin() + 1, inputs.begin() + wanted_.size());
    const BoundOperands<const T> operands(parts_.terms, shapes.strides, operand_data);
    std::vector<T*> operand_bar_data;
    for (size_t i = 1; i < wanted_.size(); ++i) {
      operand_bar_data.push_back(wanted_[i] ? outputs[i] : nullptr);
    }
    const BoundOperands<T> operand_bars(parts_.terms, shapes.strides, operand_bar_data);

    auto arguments =
        common_arguments<T, TermsVjpArguments>(shapes, parts_.terms, given_.layout, inputs[0]);
    arguments.steps = parts_.steps.data();
    arguments.operands = operands.get();
    const T* const* const cotangents = &inputs[wanted_.size()];
    if (given_.value) arguments.value_cotangent = cotangents[0];
    if (given_.gradient) arguments.gradient_cotangent = cotangents[1];
    if (given_.hessian()) arguments.hessian_cotangent = cotangents[2];
    if (wanted_[0]) arguments.x_bar = outputs[0];
    arguments.operand_bars = operand_bars.get();
    return backend(arguments);
  }

 private:
  std::vector<bool> wanted_;
  Results given_;
  VjpParts parts_;
};

}  // namespace blockhess
