// What the library of one instruction set offers: a table of functions, the only symbol that it
// exports being the function that returns the table.
#pragma once

#include "csrc/core/arguments.h"
#include "csrc/cpu/parallel.h"
#include "csrc/cpu/result.h"

namespace blockhess::cpu {

template <typename T>
struct TypedFunctions {
  Result (*terms)(const TermsArguments<T>&, const ParallelFor&);
  Result (*terms_vjp)(const TermsVjpArguments<T>&, const ParallelFor&);
  Result (*map)(const MapArguments<T>&, const ParallelFor&);
  Result (*newton)(const NewtonArguments<T>&, const ParallelFor&);
  Result (*newton_solve)(const NewtonSolveArguments<T>&, const ParallelFor&);
};

struct Functions {
  TypedFunctions<float> float32;
  TypedFunctions<double> float64;

  template <typename T>
  const TypedFunctions<T>& of() const;
};

template <>
inline const TypedFunctions<float>& Functions::of<float>() const {
  return float32;
}
template <>
inline const TypedFunctions<double>& Functions::of<double>() const {
  return float64;
}

}  // namespace blockhess::cpu

extern "C" __attribute__((visibility("default"))) const blockhess::cpu::Functions*
blockhess_cpu_functions();
