// The attributes and inputs that the forward op and its vector-Jacobian product have in common.
#pragma once

#include <vector>

#include "csrc/core/needs.h"
#include "csrc/core/operands.h"
#include "csrc/core/term.h"
#include "csrc/tf/kernel.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace blockhess {

struct TermAttributes {
  std::vector<Term> terms;
  Results results;
  int num_operands = 0;
};

// InvalidArgument for anything that cannot be run, so that it is found when the kernel is built.
absl::Status read_attributes(tensorflow::OpKernelConstruction* context, TermKind kind,
                             TermAttributes* attributes);

// Checks inputs 0 (x) and 1 .. num_operands, and gives the operands' strides.
absl::Status check_x_and_operands(tensorflow::OpKernelContext* context,
                                  const TermAttributes& attributes, std::vector<Strides>* strides);

// The values of inputs 1 .. num_operands.
template <typename T>
std::vector<const T*> operand_values(tensorflow::OpKernelContext* context,
                                     const TermAttributes& attributes) {
  std::vector<const T*> data;
  for (int i = 0; i < attributes.num_operands; ++i) {
    data.push_back(values<const T>(context->input(1 + i)));
  }
  return data;
}

// What the arguments of the two have in common.
template <typename T, template <typename> class Arguments>
void fill_common(const tensorflow::Tensor& x, const TermAttributes& attributes,
                 Arguments<T>* arguments) {
  arguments->N = x.dim_size(0);
  arguments->K = x.dim_size(1);
  arguments->num_terms = static_cast<int>(attributes.terms.size());
  arguments->terms = attributes.terms.data();
  arguments->x = values<const T>(x);
  arguments->layout = attributes.results.layout;
}

}  // namespace blockhess
