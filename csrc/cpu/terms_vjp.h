// The vector-Jacobian product of the forward pass.
#pragma once

#include "csrc/cpu/functions.h"

namespace blockhess::cpu {

template <typename T>
Result terms_vjp(const TermsVjpArguments<T>& arguments, const ParallelFor& parallel_for);

}  // namespace blockhess::cpu
