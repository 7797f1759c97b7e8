// A program at one point, by the scalar form of the instruction table: the reference for what the
// backends do for many values at a time.
#pragma once

#include <vector>

#include "csrc/core/apply.h"
#include "csrc/core/program.h"

namespace blockhess {

template <typename T>
T apply_scalar(Opcode opcode, T a, T b, T c) {
  switch (opcode) {
#define INSTRUCTION(name, arity, size, expression) \
  case Opcode::name:                               \
    return Apply<Opcode::name>::run(a, b, c);
#include "csrc/core/instructions.def"
#undef INSTRUCTION
  }
  return T(0);
}

// One value per output; an output that is `none` gives zero.
template <typename T>
std::vector<T> evaluate(const Program& program, const std::vector<T>& inputs) {
  std::vector<T> slots(inputs);
  for (const double constant : program.constants) slots.push_back(static_cast<T>(constant));
  slots.resize(program.num_slots);
  for (const Instruction& step : program.instructions) {
    slots[step.out] = apply_scalar(step.opcode, slots[step.a], slots[step.b], slots[step.c]);
  }
  std::vector<T> outputs;
  for (const Output& output : program.outputs) {
    outputs.push_back(output.is_slot() ? slots[output.slot] : T(0));
  }
  return outputs;
}

}  // namespace blockhess
