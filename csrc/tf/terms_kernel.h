// The kernel of BlockhessTerms on any backend.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "csrc/core/needs.h"
#include "csrc/core/term.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/term_attributes.h"

namespace blockhess {

template <typename Backend>
class TermsKernel : public tensorflow::OpKernel {
  using T = typename Backend::Value;
  using OpKernelConstruction = tensorflow::OpKernelConstruction;
  using OpKernelContext = tensorflow::OpKernelContext;
  using Tensor = tensorflow::Tensor;

 public:
  explicit TermsKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_attributes(context, TermKind::kForward, &attributes_));
    OP_REQUIRES_OK(context, guarded([this] {
                     attributes_.terms = forward_parts(attributes_.terms, attributes_.results);
                     backend_.emplace();
                   }));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    std::vector<Strides> strides;
    OP_REQUIRES_OK(context, check_x_and_operands(context, attributes_, &strides));
    const BoundOperands<const T> operands(attributes_.terms, strides,
                                          operand_values<T>(context, attributes_));

    TermsArguments<T> arguments{};
    fill_common(x, attributes_, &arguments);
    arguments.operands = operands.get();
    OP_REQUIRES_OK(context, allocate_results(context, &arguments));
    OP_REQUIRES_OK(context, backend_->run(context, arguments));
  }

 private:
  absl::Status allocate_results(OpKernelContext* context, TermsArguments<T>* arguments) {
    const Results& wanted = attributes_.results;
    const int64_t N = arguments->N, K = arguments->K;
    Tensor *value, *gradient, *hessian;
    TF_RETURN_IF_ERROR(allocate(context, 0, wanted.value ? Shape{N} : kNothing, &value));
    TF_RETURN_IF_ERROR(allocate(context, 1, wanted.gradient ? Shape{N, K} : kNothing, &gradient));
    TF_RETURN_IF_ERROR(allocate(context, 2, hessian_shape(wanted.layout, N, K), &hessian));
    if (wanted.value) arguments->value = values<T>(*value);
    if (wanted.gradient) arguments->gradient = values<T>(*gradient);
    if (wanted.layout != Layout::kNone) arguments->hessian = values<T>(*hessian);
    return absl::Status();
  }

  TermAttributes attributes_;
  std::optional<Backend> backend_;
};

}  // namespace blockhess
