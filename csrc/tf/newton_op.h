// The op BlockhessNewton, for any caller and any backend that has it.
#pragma once

#include <vector>

#include "csrc/tf/newton_options.h"
#include "csrc/tf/term_shapes.h"

namespace blockhess {

class NewtonOp {
 public:
  struct Shapes : TermShapes {
    int64_t damping_stride;
  };

  // Throws std::invalid_argument.
  explicit NewtonOp(const Attributes& attributes)
      : wants_value_(attributes.flag("want_value")),
        wants_gradient_(attributes.flag("want_gradient")),
        on_indefinite_(read_on_indefinite(attributes)),
        terms_(forward_parts(read_term_attributes(attributes, TermKind::kForward),
                             {wants_value_, true, Layout::kDense})) {}

  // Throws std::invalid_argument that names the shapes.
  Shapes check(const std::vector<Shape>& inputs) const {
    const std::vector<Shape> x_and_operands(inputs.begin(), inputs.end() - 1);
    Shapes shapes{check_x_and_operands(terms_, x_and_operands), 0};
    const int64_t N = shapes.N, K = shapes.K;
    shapes.damping_stride = damping_stride(inputs.back(), N);
    shapes.outputs = {wants_value_ ? Shape{N} : kNothing, wants_gradient_ ? Shape{N, K} : kNothing,
                      Shape{N, K}};
    return shapes;
  }

  // Returns what the backend returns. Throws std::invalid_argument that names an indefinite row.
  template <typename T, typename Backend>
  auto run(const Shapes& shapes, const std::vector<const T*>& inputs,
           const std::vector<T*>& outputs, Backend backend) const {
    const std::vector<const T*> operand_data(inputs.begin() + 1, inputs.end() - 1);
    const BoundOperands<const T> operands(terms_, shapes.strides, operand_data);
    auto arguments = common_arguments<T, TermsArguments>(shapes, terms_, Layout::kNone, inputs[0]);
    arguments.operands = operands.get();
    if (wants_value_) arguments.value = outputs[0];
    if (wants_gradient_) arguments.gradient = outputs[1];
    return with_newton_options(inputs.back(), shapes.damping_stride, on_indefinite_,
                               [&](const NewtonOptions<T>& options) {
                                 return backend(NewtonArguments<T>{arguments, options, outputs[2]});
                               });
  }

 private:
  bool wants_value_, wants_gradient_;
  OnIndefinite on_indefinite_;
  std::vector<Term> terms_;
};

}  // namespace blockhess
