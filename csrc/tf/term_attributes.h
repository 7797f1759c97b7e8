// The attributes and inputs that the forward op and its vector-Jacobian product have in common.
#pragma once

#include <vector>

#include "csrc/core/needs.h"
#include "csrc/core/operands.h"
#include "csrc/core/term.h"
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

}  // namespace blockhess
