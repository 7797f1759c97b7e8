// The op BlockhessMap, for any caller and any backend.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/operands.h"
#include "csrc/core/term.h"
#include "csrc/tf/attributes.h"

namespace blockhess {

class MapOp {
 public:
  struct Shapes {
    int64_t count;
    std::vector<int64_t> strides;  // of the inputs
    std::vector<Shape> outputs;
  };

  // Throws std::invalid_argument.
  explicit MapOp(const Attributes& attributes) : program_(read_map(attributes.text("program"))) {
    const int64_t num_inputs = attributes.integer("num_inputs");
    const int64_t num_outputs = attributes.integer("num_outputs");
    const auto outputs = static_cast<int64_t>(program_.outputs.size());
    if (program_.num_inputs == num_inputs && outputs == num_outputs) return;
    throw std::invalid_argument("the program has " + std::to_string(program_.num_inputs) +
                                " inputs and " + std::to_string(outputs) +
                                " outputs, but num_inputs is " + std::to_string(num_inputs) +
                                " and num_outputs " + std::to_string(num_outputs));
  }

  // Throws std::invalid_argument unless all inputs but scalars have one shape; it names two.
  Shapes check(const std::vector<Shape>& inputs) const {
    Shapes shapes;
    Shape common;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Shape& input = inputs[i];
      shapes.strides.push_back(input.empty() ? 0 : 1);
      if (input.empty()) continue;
      if (common.empty()) {
        common = input;
      } else if (input != common) {
        throw std::invalid_argument("input " + std::to_string(i) + " has shape " +
                                    to_string(input) + "; expected " + to_string(common) +
                                    " or a scalar");
      }
    }
    shapes.count = num_elements(common);
    shapes.outputs.assign(program_.outputs.size(), common);
    return shapes;
  }

  // Returns what the backend returns.
  template <typename T, typename Backend>
  auto run(const Shapes& shapes, const std::vector<const T*>& inputs,
           const std::vector<T*>& outputs, Backend backend) const {
    std::vector<MapInput<T>> map_inputs;
    for (size_t i = 0; i < inputs.size(); ++i) map_inputs.push_back({inputs[i], shapes.strides[i]});
    return backend(MapArguments<T>{shapes.count, &program_, map_inputs.data(), outputs.data()});
  }

 private:
  Program program_;
};

}  // namespace blockhess
