// Runs a program for one value in each thread. The slots of a thread lie in shared memory, next to
// those of its neighbours.
#pragma once

#include "csrc/core/apply.h"
#include "cuda/device.h"
#include "cuda/plan.h"

namespace blockhess::cuda {

// Out of line, once for all programs: the functions of the C library are long.
template <typename C>
__device__ __noinline__ C apply(Opcode opcode, C a, C b, C c) {
  switch (opcode) {
#define INSTRUCTION(name, arity, expression) \
  case Opcode::name:                         \
    return Apply<Opcode::name>::run(a, b, c);
#include "csrc/core/instructions.def"
#undef INSTRUCTION
  }
  return C(0);
}

// The slots of one thread are `stride` values from each other.
template <typename C>
struct Slots {
  C* first;
  int stride;

  __device__ C& operator[](int slot) const { return first[slot * stride]; }
};

template <typename C>
__device__ inline C operand(const uint64_t* words, const DeviceProgram& program, Slots<C> slots,
                            int code) {
  if (code & kConstant) return at<C>(words, program.constants + (code & (kConstant - 1)));
  return slots[code];
}

template <typename C>
__device__ __noinline__ void run(const uint64_t* words, const DeviceProgram& program,
                                 Slots<C> slots) {
  const uint64_t* const instructions = words + program.instructions;
  for (int i = 0; i < program.num_instructions; ++i) {
    const uint64_t step = instructions[i];
    const auto opcode = static_cast<Opcode>(step & 0xff);
    const auto field = [step](int shift) { return static_cast<int>(step >> shift) & 0xfff; };
    const C a = operand(words, program, slots, field(20));
    const C b = operand(words, program, slots, field(32));
    const C c = operand(words, program, slots, field(44));
    C result;
    switch (opcode) {
      // The cheapest, without a call.
      case Opcode::add:
        result = Apply<Opcode::add>::run(a, b, c);
        break;
      case Opcode::sub:
        result = Apply<Opcode::sub>::run(a, b, c);
        break;
      case Opcode::mul:
        result = Apply<Opcode::mul>::run(a, b, c);
        break;
      case Opcode::neg:
        result = Apply<Opcode::neg>::run(a, b, c);
        break;
      case Opcode::square:
        result = Apply<Opcode::square>::run(a, b, c);
        break;
      default:
        result = apply<C>(opcode, a, b, c);
    }
    slots[field(8)] = result;
  }
}

__device__ inline int output_code(const uint64_t* words, const DeviceProgram& program, int output) {
  const uint64_t word = words[program.outputs + output / kOutputsPerWord];
  return static_cast<int>(word >> (16 * (output % kOutputsPerWord))) & 0xffff;
}

// Whether an output is needed and not identically zero.
__device__ inline bool has_output(const uint64_t* words, const DeviceProgram& program, int output) {
  return output_code(words, program, output) != kNoOutput;
}

// Zero where has_output says no.
template <typename C>
__device__ inline C output(const uint64_t* words, const DeviceProgram& program, Slots<C> slots,
                           int output) {
  const int code = output_code(words, program, output);
  return code == kNoOutput ? C(0) : operand(words, program, slots, code);
}

}  // namespace blockhess::cuda
