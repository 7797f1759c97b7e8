// The kernel of an op under TensorFlow's own runtime.
#pragma once

#include <optional>
#include <vector>

#include "csrc/tf/kernel_attributes.h"
#include "csrc/tf/run_op.h"
#include "csrc/tf/status.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace blockhess {

// `Backend` is constructed from an OpKernelContext and called with a backend's arguments.
template <typename Op, typename Backend>
class Kernel : public tensorflow::OpKernel {
  using T = typename Backend::Value;
  using OpKernelConstruction = tensorflow::OpKernelConstruction;
  using OpKernelContext = tensorflow::OpKernelContext;

 public:
  explicit Kernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, guarded([&] {
                     op_.emplace(KernelAttributes(context));
                     return absl::OkStatus();
                   }));
  }

  void Compute(OpKernelContext* context) override {
    OP_REQUIRES_OK(context, guarded([&] { return run(context); }));
  }

 private:
  absl::Status run(OpKernelContext* context) const {
    std::vector<Shape> shapes;
    std::vector<const T*> inputs;
    for (int i = 0; i < context->num_inputs(); ++i) {
      shapes.push_back(to_shape(context->input(i).shape()));
      inputs.push_back(static_cast<const T*>(context->input(i).data()));
    }
    const typename Op::Shapes checked = op_->check(shapes);
    std::vector<T*> outputs;
    for (int i = 0; i < context->num_outputs(); ++i) {
      tensorflow::Tensor* output;
      TF_RETURN_IF_ERROR(check_addressable(checked.outputs[i], sizeof(T)));
      TF_RETURN_IF_ERROR(
          context->allocate_output(i, tensorflow::TensorShape(checked.outputs[i]), &output));
      outputs.push_back(static_cast<T*>(output->data()));
    }
    return run_op(*op_, shapes, checked, inputs, outputs, Backend(context));
  }

  std::optional<Op> op_;
};

}  // namespace blockhess
