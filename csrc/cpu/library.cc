// The exported function of the library of one instruction set.
#include "csrc/cpu/functions.h"
#include "csrc/cpu/map.h"
#include "csrc/cpu/newton.h"
#include "csrc/cpu/terms.h"
#include "csrc/cpu/terms_vjp.h"

namespace {

template <typename T>
constexpr blockhess::cpu::TypedFunctions<T> typed_functions() {
  return {blockhess::cpu::terms<T>, blockhess::cpu::terms_vjp<T>, blockhess::cpu::map<T>,
          blockhess::cpu::newton<T>, blockhess::cpu::newton_solve<T>};
}

constexpr blockhess::cpu::Functions kFunctions{typed_functions<float>(), typed_functions<double>()};

}  // namespace

extern "C" const blockhess::cpu::Functions* blockhess_cpu_functions() { return &kFunctions; }
