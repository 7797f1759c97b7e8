// The ops BlockhessNewton and BlockhessNewtonSolve on the CPU.
#pragma once

#include "csrc/core/arguments.h"
#include "csrc/cpu/functions.h"

namespace blockhess::cpu {

template <typename T>
Result newton(const NewtonArguments<T>& arguments, const ParallelFor& parallel_for);

template <typename T>
Result newton_solve(const NewtonSolveArguments<T>& arguments, const ParallelFor& parallel_for);

}  // namespace blockhess::cpu
