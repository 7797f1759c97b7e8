#include "csrc/cpu/evaluator.h"

#include <algorithm>
#include <cstring>
#include <vector>

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

// Every derivative of a sine has both; most of their work is the same.
template <typename T>
void sin_and_cos(const T* a, T* sin_out, T* cos_out, int64_t count) {
  using V = Pack<T>;
  for (int64_t i = 0; i < count; i += V::kSize) {
    const V argument = V::load(a + i);
    const QuarterTurns<T> turns(argument);
    sin(argument, turns).store(sin_out + i);
    cos(argument, turns).store(cos_out + i);
  }
}

// Whether two instructions are the sine and the cosine of one value, in either order.
bool are_sin_and_cos(const Instruction& first, const Instruction& second) {
  return ((first.opcode == Opcode::sin && second.opcode == Opcode::cos) ||
          (first.opcode == Opcode::cos && second.opcode == Opcode::sin)) &&
         first.a == second.a && first.out != first.a && first.out != second.out;
}

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
  const std::vector<Instruction>& steps = program_->instructions;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Instruction& step = steps[i];
    if (i + 1 < steps.size() && are_sin_and_cos(step, steps[i + 1])) {
      const bool sin_first = step.opcode == Opcode::sin;
      const Instruction& next = steps[++i];
      sin_and_cos(slot(step.a), slot((sin_first ? step : next).out),
                  slot((sin_first ? next : step).out), count);
    } else {
      kLoops<T>[static_cast<int>(step.opcode)](slot(step.a), slot(step.b), slot(step.c),
                                               slot(step.out), count);
    }
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
