// The forward pass: value, gradient and Hessian blocks of a sum of terms.
#pragma once

#include "csrc/cpu/functions.h"

namespace blockhess::cpu {

template <typename T>
Result terms(const TermsArguments<T>& arguments, const ParallelFor& parallel_for);

}  // namespace blockhess::cpu
