#include "csrc/tf/term_attributes.h"

#include <string>

#include "csrc/tf/kernel.h"

namespace blockhess {

using absl::Status;

Status read_attributes(tensorflow::OpKernelConstruction* context, TermKind kind,
                       TermAttributes* attributes) {
  std::string text, layout;
  Results& results = attributes->results;
  TF_RETURN_IF_ERROR(context->GetAttr("terms", &text));
  TF_RETURN_IF_ERROR(context->GetAttr("layout", &layout));
  TF_RETURN_IF_ERROR(context->GetAttr("want_value", &results.value));
  TF_RETURN_IF_ERROR(context->GetAttr("want_gradient", &results.gradient));
  TF_RETURN_IF_ERROR(context->GetAttr("num_operands", &attributes->num_operands));
  results.layout = find_layout(layout).value_or(Layout::kNone);
  return guarded([&] {
    attributes->terms = read_terms(text, kind);
    check_num_operands(attributes->terms, attributes->num_operands);
  });
}

Status check_x_and_operands(tensorflow::OpKernelContext* context, const TermAttributes& attributes,
                            std::vector<Strides>* strides) {
  const tensorflow::TensorShape& x = context->input(0).shape();
  if (x.dims() != 2) {
    return absl::InvalidArgumentError("x has shape " + to_string(to_shape(x)) +
                                      "; expected two axes: rows and columns");
  }
  std::vector<Shape> shapes;
  for (int i = 0; i < attributes.num_operands; ++i) {
    shapes.push_back(to_shape(context->input(1 + i).shape()));
  }
  return guarded(
      [&] { *strides = operand_strides(attributes.terms, x.dim_size(0), x.dim_size(1), shapes); });
}

}  // namespace blockhess
