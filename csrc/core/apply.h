// The instruction table as code: apply<opcode>(a, b, c) for any value type.
#pragma once

#include "csrc/core/functions.h"
#include "csrc/core/host_device.h"
#include "csrc/core/instruction.h"

namespace blockhess {

template <Opcode opcode>
struct Apply;

#define INSTRUCTION(name, arity, size, expression)                                 \
  template <>                                                                      \
  struct Apply<Opcode::name> {                                                     \
    template <typename V>                                                          \
    BLOCKHESS_HOST_DEVICE static V run([[maybe_unused]] V a, [[maybe_unused]] V b, \
                                       [[maybe_unused]] V c) {                     \
      return expression;                                                           \
    }                                                                              \
  };
#include "csrc/core/instructions.def"
#undef INSTRUCTION

}  // namespace blockhess
