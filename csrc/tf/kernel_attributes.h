// The attributes of a TensorFlow node, and TensorFlow's shapes.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "csrc/core/operands.h"
#include "csrc/tf/attributes.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace blockhess {

class KernelAttributes : public Attributes {
 public:
  explicit KernelAttributes(tensorflow::OpKernelConstruction* context) : context_(context) {}

  std::string text(const std::string& name) const override { return get<std::string>(name); }
  bool flag(const std::string& name) const override { return get<bool>(name); }
  std::vector<bool> flags(const std::string& name) const override {
    return get<std::vector<bool>>(name);
  }
  int64_t integer(const std::string& name) const override { return get<int64_t>(name); }

 private:
  template <typename Value>
  Value get(const std::string& name) const {
    Value value;
    const absl::Status status = context_->GetAttr(name, &value);
    if (!status.ok()) throw std::invalid_argument(std::string(status.message()));
    return value;
  }

  tensorflow::OpKernelConstruction* context_;
};

inline Shape to_shape(const tensorflow::TensorShape& shape) {
  const auto sizes = shape.dim_sizes();
  return Shape(sizes.begin(), sizes.end());
}

}  // namespace blockhess
