#include "csrc/cpu/evaluator.h"

#include <algorithm>
#include <cstring>

#include "csrc/core/apply.h"
#include "csrc/cpu/hyperbolic.h"
#include "csrc/cpu/pack.h"
#include "csrc/cpu/sin_cos.h"

namespace blockhess::cpu {

namespace {

template <typename T>
using Loop = void (*)(const T* a, const T* b, const T* c, T* out, int64_t count);

template <typename T, Opcode opcode>
void loop(const T* a, const T* b, const T* c, T* out, int64_t count) {
  using V = Pack<T>;
  constexpr int arity = kInstructions[static_cast<int>(opcode)].arity;
  for (int64_t i = 0; i < count; i += V::kSize) {
    const V first = V::load(a + i);
    const V second = arity > 1 ? V::load(b + i) : first;
    const V third = arity > 2 ? V::load(c + i) : first;
    Apply<opcode>::run(first, second, third).store(out + i);
  }
}

template <typename T>
constexpr Loop<T> kLoops[] = {
#define INSTRUCTION(name, arity, size, expression) loop<T, Opcode::name>,
#include "csrc/core/instructions.def"
#undef INSTRUCTION
};

// The distance between slots: a whole number of packs, and not a power of two, so that the slots do
// not all compete for the same lines of the first-level cache.
int64_t slot_stride(int64_t chunk) {
  constexpr int64_t kWidestPack = 16;
  return (chunk + kWidestPack - 1) / kWidestPack * kWidestPack + kWidestPack;
}

}  // namespace

template <typename T>
Evaluator<T>::Evaluator(const Program& program, int64_t chunk, Scratch& scratch)
    : program_(&program), stride_(slot_stride(chunk)) {
  slots_ = scratch.take<T>(stride_ * program.num_slots);
  if (slots_ == nullptr) return;
  for (size_t i = 0; i < program.constants.size(); ++i) {
    std::fill_n(slot(program.num_inputs + static_cast<int>(i)), stride_,
                static_cast<T>(program.constants[i]));
  }
}

template <typename T>
void Evaluator<T>::run(int64_t count) {
  for (const Instruction& step : program_->instructions) {
    kLoops<T>[static_cast<int>(step.opcode)](slot(step.a), slot(step.b), slot(step.c),
                                             slot(step.out), count);
  }
}

template <typename T>
void Evaluator<T>::copy_output(int index, int64_t count, T* destination) const {
  const Output& output = program_->outputs[index];
  if (output.is_slot()) {
    std::memcpy(destination, slot(output.slot), count * sizeof(T));
  } else {
    std::fill_n(destination, count, T(0));
  }
}

template class Evaluator<float>;
template class Evaluator<double>;

}  // namespace blockhess::cpu
