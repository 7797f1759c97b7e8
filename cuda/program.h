// Runs a program for a few values in each thread, so that an instruction is fetched and decoded
// once for them. The slots of a thread lie in shared memory, next to those of its neighbours.
#pragma once

#include "csrc/core/apply.h"
#include "cuda/device.h"
#include "cuda/plan.h"

namespace blockhess::cuda {

// The slots of one thread, kLanes values each, from `first`, counted from the start of shared
// memory.
template <typename C>
struct Slots {
  int first;
  int stride;

  __device__ Slots(int thread, int num_threads)
      : first(thread * kLanes<C>), stride(num_threads * kLanes<C>) {}

  __device__ C* operator[](int slot) const {
    return reinterpret_cast<C*>(shared_memory()) + (first + slot * stride);
  }
};

// What an instruction reads: a slot, or a constant for all lanes.
template <typename C>
struct Operand {
  const C* values;
  bool is_constant;

  __device__ Operand(const uint64_t* words, const DeviceProgram& program, Slots<C> slots, int code)
      : values((code & kConstant) ? &at<C>(words, program.constants + (code & (kConstant - 1)))
                                  : slots[code]),
        is_constant(code & kConstant) {}

  __device__ C operator[](int lane) const { return values[is_constant ? 0 : lane]; }

  __device__ Lanes<C> all() const {
    if (!is_constant) return load_lanes<kLanes<C>>(values);
    Lanes<C> lanes;
    for (C& value : lanes.values) value = *values;
    return lanes;
  }
};

// Runs an instruction that is not small; out of line, once for all programs.
template <typename C, bool has_gamma>
__device__ __noinline__ C apply_long(Opcode opcode, C a, C b, C c) {
  switch (opcode) {
#define INSTRUCTION(name, arity, size, expression)                   \
  case Opcode::name:                                                 \
    if constexpr (CodeSize::size != CodeSize::small &&               \
                  (has_gamma || CodeSize::size != CodeSize::huge)) { \
      return Apply<Opcode::name>::run(a, b, c);                      \
    }                                                                \
    break;
#include "csrc/core/instructions.def"
#undef INSTRUCTION
  }
  return C(0);
}

template <Opcode opcode, CodeSize size, bool has_gamma, typename C>
__device__ inline void apply(Operand<C> a, Operand<C> b, Operand<C> c, C* out, int num_lanes) {
  if constexpr (size == CodeSize::small) {
    const Lanes<C> all_a = a.all(), all_b = b.all(), all_c = c.all();
    Lanes<C> result;
    for (int j = 0; j < kLanes<C>; ++j) {
      result.values[j] = Apply<opcode>::run(all_a.values[j], all_b.values[j], all_c.values[j]);
    }
    store_lanes(out, result);
  } else {
#pragma unroll 1
    for (int j = 0; j < num_lanes; ++j) out[j] = apply_long<C, has_gamma>(opcode, a[j], b[j], c[j]);
  }
}

// Runs a program; out of line, once for all programs of a kernel.
template <typename C, bool has_gamma>
__device__ __noinline__ void run(const uint64_t* words, const DeviceProgram& program,
                                 Slots<C> slots, int num_lanes) {
#pragma unroll 1
  for (int i = 0; i < program.num_instructions; ++i) {
    const uint64_t step = words[program.instructions + i];
    const auto field = [step](int shift) { return static_cast<int>(step >> shift) & 0xfff; };
    const Operand<C> a(words, program, slots, field(20));
    const Operand<C> b(words, program, slots, field(32));
    const Operand<C> c(words, program, slots, field(44));
    C* const out = slots[field(8)];
    switch (static_cast<Opcode>(step & 0xff)) {
#define INSTRUCTION(name, arity, size, expression)                           \
  case Opcode::name:                                                         \
    apply<Opcode::name, CodeSize::size, has_gamma>(a, b, c, out, num_lanes); \
    break;
#include "csrc/core/instructions.def"
#undef INSTRUCTION
    }
  }
}

__device__ inline int output_code(const uint64_t* words, const DeviceProgram& program, int output) {
  const uint64_t word = words[program.outputs + output / kOutputsPerWord];
  return static_cast<int>(word >> (16 * (output % kOutputsPerWord))) & 0xffff;
}

// The value of an output in one lane; zero where the output is not there.
template <typename C>
__device__ inline C output(const uint64_t* words, const DeviceProgram& program, Slots<C> slots,
                           int lane, int output) {
  const int code = output_code(words, program, output);
  return code == kNoOutput ? C(0) : Operand<C>(words, program, slots, code)[lane];
}

// Runs a program for `count` values, that the first `num_threads` threads of the block share:
// fill(e, input) gives an input of value e, and use(e, get) gets its output o by get(o).
template <typename C, bool has_gamma, typename Fill, typename Use>
__device__ inline void evaluate(const uint64_t* words, const DeviceProgram& program,
                                int num_threads, int count, Fill fill, Use use) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= num_threads) return;
  const Slots<C> slots(thread, num_threads);
  const int needed = (count + num_threads - 1) / num_threads;
  const int num_lanes = needed < kLanes<C> ? needed : kLanes<C>;
#pragma unroll 1
  for (int first = thread; first < count; first += num_threads * num_lanes) {
    for (int p = 0; p < program.num_inputs; ++p) {
#pragma unroll 1
      for (int j = 0; j < num_lanes; ++j) {
        // Lanes past the end repeat the last value, and are not used.
        const int e = first + j * num_threads;
        slots[p][j] = fill(e < count ? e : count - 1, p);
      }
    }
    run<C, has_gamma>(words, program, slots, num_lanes);
#pragma unroll 1
    for (int j = 0; j < num_lanes && first + j * num_threads < count; ++j) {
      use(first + j * num_threads, [&](int o) { return output(words, program, slots, j, o); });
    }
  }
}

}  // namespace blockhess::cuda
