#include "csrc/core/program.h"

#include <algorithm>

namespace blockhess {

namespace {

// Calls use(slot) for each argument of the instruction.
template <typename Use>
void for_each_argument(const Instruction& instruction, Use use) {
  const uint16_t arguments[] = {instruction.a, instruction.b, instruction.c};
  for (int i = 0; i < info(instruction.opcode).arity; ++i) use(arguments[i]);
}

}  // namespace

Program Program::restricted_to(const std::vector<bool>& needed) const {
  Program result = *this;
  std::vector<bool> live(num_slots, false);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!needed[i]) result.outputs[i] = Output{};
    if (result.outputs[i].is_slot()) live[result.outputs[i].slot] = true;
  }
  result.instructions.clear();
  for (auto instruction = instructions.rbegin(); instruction != instructions.rend();
       ++instruction) {
    if (!live[instruction->out]) continue;
    live[instruction->out] = false;
    for_each_argument(*instruction, [&](uint16_t slot) { live[slot] = true; });
    result.instructions.push_back(*instruction);
  }
  std::reverse(result.instructions.begin(), result.instructions.end());
  return result;
}

bool Program::reads_input(int input) const {
  bool found = false;
  for (const Instruction& instruction : instructions) {
    for_each_argument(instruction, [&](uint16_t slot) { found |= slot == input; });
  }
  for (const Output& output : outputs) found |= output.is_slot() && output.slot == input;
  return found;
}

bool Program::is_constant(int output, double value) const {
  if (!outputs[output].is_slot()) return false;
  const int constant = outputs[output].slot - num_inputs;
  return constant >= 0 && constant < static_cast<int>(constants.size()) &&
         constants[constant] == value;
}

}  // namespace blockhess
