// A program: a scalar function, or several that share subexpressions, as a straight-line list of
// instructions. It is read from text such as
//
//   2: r2 = mul r0 r1; r2 = exp r2; return r2 none zero
//
// The text reuses registers; the reader gives every constant and every register a *slot*: first the
// inputs, then the distinct constants, then the other registers. So a backend fills the inputs and
// constants once and never overwrites them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "csrc/core/instruction.h"

namespace blockhess {

inline constexpr int kMaxInstructions = 256;
inline constexpr int kMaxRegisters = 256;
inline constexpr int kMaxInputs = 64;
inline constexpr int kMaxOutputs = 1024;

struct Output {
  enum class Kind : uint8_t { kSlot, kZero, kNone };
  Kind kind = Kind::kNone;
  uint16_t slot = 0;

  bool is_zero() const { return kind == Kind::kZero; }
  bool is_none() const { return kind == Kind::kNone; }
  bool is_slot() const { return kind == Kind::kSlot; }
};

struct Program {
  int num_inputs = 0;
  int num_slots = 0;
  std::vector<double> constants;  // slots num_inputs, num_inputs + 1, ...
  std::vector<Instruction> instructions;
  std::vector<Output> outputs;

  // The same program with only the outputs that `needed` marks, and only the instructions that
  // those use. The others become `none`.
  Program restricted_to(const std::vector<bool>& needed) const;

  // Whether an instruction or an output reads the input.
  bool reads_input(int input) const;

  // Whether an output is this number whatever the inputs are.
  bool is_constant(int output, double value) const;
};

// Throws std::invalid_argument that names the instruction and its position. `subject` ("phi",
// "map") begins the sentence.
Program read_program(std::string_view text, std::string_view subject);

}  // namespace blockhess
