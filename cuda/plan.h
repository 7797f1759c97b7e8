// The terms of a call as a kernel reads them: a list of 8-byte words without pointers into itself.
// A usual list travels by value in the kernel's arguments; a longer one is put into the workspace
// by small kernels that carry a piece of it each.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/needs.h"
#include "csrc/core/term.h"
#include "cuda/device.h"

namespace blockhess::cuda {

// Kernel arguments end at 4096 bytes; this leaves 320 for the rest.
inline constexpr int kInlineWords = 472;

// An operand of an instruction: a slot of the thread, or with kConstant a constant of the program.
inline constexpr int kConstant = 0x800;
inline constexpr int kNoOutput = 0xffff;
inline constexpr int kOutputsPerWord = 4;

// Where a program stands, in offsets that count words. A word is an instruction (from the lowest
// bits, opcode (8), out, a, b, c (12 each)), a constant or four outputs.
struct DeviceProgram {
  int32_t num_inputs;
  int32_t num_slots;  // of a thread: inputs and registers
  int32_t num_instructions;
  int32_t instructions;
  int32_t constants;
  int32_t outputs;
  uint64_t there;  // a bit for each of the first outputs that is needed and not identically zero

  __host__ __device__ bool has(int output) const { return (there >> output) & 1; }
};

// A parameter, and its cotangent where that is wanted.
template <typename T>
struct DeviceParameter {
  const T* data;
  int64_t row_stride, column_stride;
  T* bar;
  int64_t bar_row_stride, bar_column_stride;
  int64_t sum;  // where the sum over rows starts; -1: none
};

template <typename T>
struct DeviceTerm {
  DeviceProgram phi, psi;
  const T* S;  // null: no S, or it is shared
  int64_t S_stride;
  // Arrays in the workspace: a shared S, symmetric; S x, where it was worked out beforehand.
  const Arithmetic<T>* shared_S;
  Arithmetic<T>* S_x;
  const T* b;
  int64_t b_stride;
  T* b_bar;       // of each row
  int64_t b_sum;  // where the sum over rows starts; -1: none
  // Arrays in the workspace, (N) and (N, K), where the cotangent of S is wanted.
  Arithmetic<T>*psi1, *w;
  int32_t phi_parameters, psi_parameters;  // offsets in words
  bool has_phi, needs_s, is_norm;
  VjpSteps steps;
};

// Writes the words. Offsets are final at once, as words are only appended.
class PlanWriter {
 public:
  explicit PlanWriter(size_t num_words = 0) : words_(num_words, 0) {}

  const std::vector<uint64_t>& words() const { return words_; }
  // The slots that a thread needs for any program so far.
  int most_slots() const { return most_slots_; }
  // Whether any program has a huge instruction; all of these are gamma functions. Computed in
  // double, they take so many registers that only kernels of programs with one have them.
  bool has_gamma() const { return has_gamma_; }

  template <typename Value>
  int32_t append(const Value* values, size_t count) {
    static_assert(sizeof(Value) % sizeof(uint64_t) == 0);
    const size_t at = words_.size();
    words_.resize(at + count * sizeof(Value) / sizeof(uint64_t));
    if (count > 0) std::memcpy(words_.data() + at, values, count * sizeof(Value));
    return static_cast<int32_t>(at);
  }

  template <typename Value>
  void put(size_t at, const Value& value) {
    static_assert(sizeof(Value) % sizeof(uint64_t) == 0);
    std::memcpy(words_.data() + at, &value, sizeof(Value));
  }

  // C is the type of arithmetic.
  template <typename C>
  DeviceProgram add_program(const Program& program) {
    DeviceProgram result{};
    const int num_constants = static_cast<int>(program.constants.size());
    const auto operand = [&](int slot) -> uint64_t {
      if (slot < program.num_inputs) return slot;
      const int constant = slot - program.num_inputs;
      return constant < num_constants ? kConstant | constant : slot - num_constants;
    };
    result.num_inputs = program.num_inputs;
    result.num_slots = program.num_slots - num_constants;
    most_slots_ = most_slots_ < result.num_slots ? result.num_slots : most_slots_;
    std::vector<uint64_t> words;
    for (const Instruction& step : program.instructions) {
      has_gamma_ |= info(step.opcode).code_size == CodeSize::huge;
      words.push_back(static_cast<uint64_t>(step.opcode) | operand(step.out) << 8 |
                      operand(step.a) << 20 | operand(step.b) << 32 | operand(step.c) << 44);
    }
    result.num_instructions = static_cast<int32_t>(words.size());
    result.instructions = append(words.data(), words.size());
    words.assign(num_constants, 0);
    for (int i = 0; i < num_constants; ++i) {
      const C constant = static_cast<C>(program.constants[i]);
      std::memcpy(&words[i], &constant, sizeof(C));
    }
    result.constants = append(words.data(), words.size());
    words.assign((program.outputs.size() + kOutputsPerWord - 1) / kOutputsPerWord, 0);
    for (size_t i = 0; i < program.outputs.size(); ++i) {
      const Output& output = program.outputs[i];
      const uint64_t code = output.is_slot() ? operand(output.slot) : kNoOutput;
      if (output.is_slot() && i < 64) result.there |= uint64_t{1} << i;
      words[i / kOutputsPerWord] |= code << (16 * (i % kOutputsPerWord));
    }
    result.outputs = append(words.data(), words.size());
    return result;
  }

 private:
  std::vector<uint64_t> words_;
  int most_slots_ = 1;
  bool has_gamma_ = false;
};

// The words as a kernel gets them.
struct Words {
  const uint64_t* in_workspace;  // null: they are here
  uint64_t here[kInlineWords];
};

__device__ inline const uint64_t* address(const Words& words) {
  return words.in_workspace != nullptr ? words.in_workspace : words.here;
}

template <typename Value>
__device__ inline const Value& at(const uint64_t* words, int offset) {
  return *reinterpret_cast<const Value*>(words + offset);
}

}  // namespace blockhess::cuda
