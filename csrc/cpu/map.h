// A program applied to every value of its inputs.
#pragma once

#include "csrc/cpu/functions.h"

namespace blockhess::cpu {

template <typename T>
Result map(const MapArguments<T>& arguments, const ParallelFor& parallel_for);

}  // namespace blockhess::cpu
