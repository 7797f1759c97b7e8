// The kernel of BlockhessMap on any backend.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "csrc/core/term.h"
#include "csrc/tf/kernel.h"

namespace blockhess {

template <typename Backend>
class MapKernel : public tensorflow::OpKernel {
  using T = typename Backend::Value;
  using OpKernelConstruction = tensorflow::OpKernelConstruction;
  using OpKernelContext = tensorflow::OpKernelContext;
  using Tensor = tensorflow::Tensor;

 public:
  explicit MapKernel(OpKernelConstruction* context) : OpKernel(context) {
    std::string text;
    int num_inputs, num_outputs;
    OP_REQUIRES_OK(context, context->GetAttr("program", &text));
    OP_REQUIRES_OK(context, context->GetAttr("num_inputs", &num_inputs));
    OP_REQUIRES_OK(context, context->GetAttr("num_outputs", &num_outputs));
    OP_REQUIRES_OK(context, guarded([&] {
                     program_ = read_map(text);
                     backend_.emplace();
                   }));
    const int outputs = static_cast<int>(program_.outputs.size());
    OP_REQUIRES(
        context, program_.num_inputs == num_inputs && outputs == num_outputs,
        absl::InvalidArgumentError("the program has " + std::to_string(program_.num_inputs) +
                                   " inputs and " + std::to_string(outputs) +
                                   " outputs, but num_inputs is " + std::to_string(num_inputs) +
                                   " and num_outputs " + std::to_string(num_outputs)));
  }

  void Compute(OpKernelContext* context) override {
    tensorflow::TensorShape shape;
    OP_REQUIRES_OK(context, common_shape(context, &shape));
    std::vector<MapInput<T>> inputs;
    for (int i = 0; i < context->num_inputs(); ++i) {
      const Tensor& input = context->input(i);
      inputs.push_back({values<const T>(input), input.dims() == 0 ? 0 : 1});
    }
    std::vector<T*> outputs;
    for (int i = 0; i < context->num_outputs(); ++i) {
      Tensor* output;
      OP_REQUIRES_OK(context, context->allocate_output(i, shape, &output));
      outputs.push_back(values<T>(*output));
    }
    const MapArguments<T> arguments{shape.num_elements(), &program_, inputs.data(), outputs.data()};
    OP_REQUIRES_OK(context, backend_->run(context, arguments));
  }

 private:
  // Of the inputs that are not scalars.
  static absl::Status common_shape(OpKernelContext* context, tensorflow::TensorShape* shape) {
    for (int i = 0; i < context->num_inputs(); ++i) {
      const tensorflow::TensorShape& input = context->input(i).shape();
      if (input.dims() == 0) continue;
      if (shape->dims() == 0) {
        *shape = input;
      } else if (input != *shape) {
        return absl::InvalidArgumentError("input " + std::to_string(i) + " has shape " +
                                          to_string(to_shape(input)) + "; expected " +
                                          to_string(to_shape(*shape)) + " or a scalar");
      }
    }
    return absl::Status();
  }

  Program program_;
  std::optional<Backend> backend_;
};

}  // namespace blockhess
