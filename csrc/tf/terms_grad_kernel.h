// The kernel of BlockhessTermsGrad on any backend.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "csrc/core/needs.h"
#include "csrc/core/term.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/term_attributes.h"

namespace blockhess {

template <typename Backend>
class TermsGradKernel : public tensorflow::OpKernel {
  using T = typename Backend::Value;
  using OpKernelConstruction = tensorflow::OpKernelConstruction;
  using OpKernelContext = tensorflow::OpKernelContext;
  using Tensor = tensorflow::Tensor;

 public:
  explicit TermsGradKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_attributes(context, TermKind::kVjp, &attributes_));
    OP_REQUIRES_OK(context, context->GetAttr("wanted", &wanted_));
    OP_REQUIRES_OK(context, guarded([this] {
                     VjpParts parts = vjp_parts(attributes_.terms, attributes_.results, wanted_);
                     attributes_.terms = std::move(parts.terms);
                     steps_ = std::move(parts.steps);
                     backend_.emplace();
                   }));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    std::vector<Strides> strides;
    OP_REQUIRES_OK(context, check_x_and_operands(context, attributes_, &strides));
    std::vector<T*> bars;
    OP_REQUIRES_OK(context, allocate_bars(context, &bars));
    const BoundOperands<const T> operands(attributes_.terms, strides,
                                          operand_values<T>(context, attributes_));
    const std::vector<T*> operand_bar_data(bars.begin() + 1, bars.end());
    const BoundOperands<T> operand_bars(attributes_.terms, strides, operand_bar_data);

    TermsVjpArguments<T> arguments{};
    fill_common(x, attributes_, &arguments);
    arguments.steps = steps_.data();
    arguments.operands = operands.get();
    arguments.x_bar = bars[0];
    arguments.operand_bars = operand_bars.get();
    OP_REQUIRES_OK(context, take_cotangents(context, &arguments));
    OP_REQUIRES_OK(context, backend_->run(context, arguments));
  }

 private:
  // Of x and every operand; null where not wanted.
  absl::Status allocate_bars(OpKernelContext* context, std::vector<T*>* bars) {
    for (size_t i = 0; i < wanted_.size(); ++i) {
      const int index = static_cast<int>(i);
      Tensor* bar;
      const Shape shape = wanted_[i] ? to_shape(context->input(index).shape()) : kNothing;
      TF_RETURN_IF_ERROR(allocate(context, index, shape, &bar));
      bars->push_back(wanted_[i] ? values<T>(*bar) : nullptr);
    }
    return absl::Status();
  }

  absl::Status take_cotangents(OpKernelContext* context, TermsVjpArguments<T>* arguments) {
    const Results& given = attributes_.results;
    const int64_t N = arguments->N, K = arguments->K;
    const int first = 1 + attributes_.num_operands;
    if (given.value) {
      TF_RETURN_IF_ERROR(take(context, first, "value_cotangent", {N}, &arguments->value_cotangent));
    }
    if (given.gradient) {
      TF_RETURN_IF_ERROR(
          take(context, first + 1, "gradient_cotangent", {N, K}, &arguments->gradient_cotangent));
    }
    if (given.hessian()) {
      TF_RETURN_IF_ERROR(take(context, first + 2, "hessian_cotangent",
                              hessian_shape(given.layout, N, K), &arguments->hessian_cotangent));
    }
    return absl::Status();
  }

  static absl::Status take(OpKernelContext* context, int index, const char* name,
                           const Shape& expected, const T** data) {
    const Tensor& tensor = context->input(index);
    const Shape shape = to_shape(tensor.shape());
    if (shape != expected) {
      return absl::InvalidArgumentError(std::string(name) + " has shape " + to_string(shape) +
                                        "; expected " + to_string(expected));
    }
    *data = values<const T>(tensor);
    return absl::Status();
  }

  TermAttributes attributes_;
  std::vector<bool> wanted_;
  std::vector<VjpSteps> steps_;
  std::optional<Backend> backend_;
};

}  // namespace blockhess
