// The instruction table as data: opcodes, names, arities, sizes.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace blockhess {

enum class Opcode : uint8_t {
#define INSTRUCTION(name, arity, size, expression) name,
#include "csrc/core/instructions.def"
#undef INSTRUCTION
};

enum class CodeSize : uint8_t { small, large, huge };

struct InstructionInfo {
  const char* name;
  int arity;
  CodeSize code_size;
};

// The rows of the table, indexed by Opcode.
inline constexpr InstructionInfo kInstructions[] = {
#define INSTRUCTION(name, arity, size, expression) {#name, arity, CodeSize::size},
#include "csrc/core/instructions.def"
#undef INSTRUCTION
};

inline constexpr int kNumOpcodes = static_cast<int>(std::size(kInstructions));

inline const InstructionInfo& info(Opcode opcode) {
  return kInstructions[static_cast<int>(opcode)];
}

std::optional<Opcode> find_opcode(std::string_view name);

// One step of a program: out = opcode(a, b, c), in numbers of slots. Unused arguments are 0.
struct Instruction {
  Opcode opcode;
  uint16_t out, a, b, c;
};

}  // namespace blockhess
