#include "csrc/core/instruction.h"

namespace blockhess {

std::optional<Opcode> find_opcode(std::string_view name) {
  for (int i = 0; i < kNumOpcodes; ++i) {
    if (name == kInstructions[i].name) return static_cast<Opcode>(i);
  }
  return std::nullopt;
}

}  // namespace blockhess
