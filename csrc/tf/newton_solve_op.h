// The op BlockhessNewtonSolve, for any caller and any backend that has it.
#pragma once

#include <vector>

#include "csrc/tf/newton_options.h"
#include "csrc/tf/term_shapes.h"

namespace blockhess {

class NewtonSolveOp {
 public:
  struct Shapes {
    int64_t N, K, damping_stride;
    std::vector<Shape> outputs;
  };

  // Throws std::invalid_argument.
  explicit NewtonSolveOp(const Attributes& attributes)
      : on_indefinite_(read_on_indefinite(attributes)) {}

  // Throws std::invalid_argument that names the shapes.
  Shapes check(const std::vector<Shape>& inputs) const {
    const Shape& gradient = inputs.at(0);
    if (gradient.size() != 2) {
      throw std::invalid_argument("gradient has shape " + to_string(gradient) +
                                  "; expected two axes: rows and columns");
    }
    const int64_t N = gradient[0], K = gradient[1];
    check_shape("hessian", inputs.at(1), {N, K, K});
    return {N, K, damping_stride(inputs.at(2), N), {gradient}};
  }

  // Returns what the backend returns. Throws std::invalid_argument that names an indefinite row.
  template <typename T, typename Backend>
  auto run(const Shapes& shapes, const std::vector<const T*>& inputs,
           const std::vector<T*>& outputs, Backend backend) const {
    return with_newton_options(
        inputs[2], shapes.damping_stride, on_indefinite_, [&](const NewtonOptions<T>& options) {
          return backend(NewtonSolveArguments<T>{shapes.N, shapes.K, inputs[0], inputs[1], options,
                                                 outputs[0]});
        });
  }

 private:
  OnIndefinite on_indefinite_;
};

}  // namespace blockhess
