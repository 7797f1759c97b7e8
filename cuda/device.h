// What the kernels use of the CUDA language beyond its keywords. Everything else of that language
// stays out of them, so that a small stand-in for it suffices to run them on the CPU
// (tests/cuda/emulator).
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "csrc/core/half.h"
#include "cuda/sizes.h"

namespace blockhess::cuda {

// Thread blocks that a multiprocessor is to hold together: as many as a kernel can have without
// spilling registers.
__host__ __device__ constexpr int blocks_together(bool is_large) { return is_large ? 2 : 3; }

// The type of all arithmetic on values stored as T.
template <typename T>
struct ArithmeticOf {
  using type = float;
};
template <>
struct ArithmeticOf<double> {
  using type = double;
};
template <typename T>
using Arithmetic = typename ArithmeticOf<T>::type;

__device__ inline float load(float value) { return value; }
__device__ inline double load(double value) { return value; }
__device__ inline float load(Half value) { return to_float(value); }
__device__ inline float load(BFloat16 value) { return to_float(value); }

__device__ inline void store(float* out, float value) { *out = value; }
__device__ inline void store(float* out, double value) { *out = static_cast<float>(value); }
__device__ inline void store(double* out, double value) { *out = value; }
__device__ inline void store(Half* out, float value) { *out = to_half(value); }
__device__ inline void store(BFloat16* out, float value) { *out = to_bfloat16(value); }
__device__ inline void store(Half* out, double value) { *out = to_half(static_cast<float>(value)); }
__device__ inline void store(BFloat16* out, double value) {
  *out = to_bfloat16(static_cast<float>(value));
}

// The number of values that fill 16 bytes.
template <typename C>
inline constexpr int kLanes = 16 / sizeof(C);

template <typename C, int width = kLanes<C>>
struct alignas(width * sizeof(C)) Lanes {
  C values[width];
};

// `from` is aligned to the size of the lanes.
template <int width, typename C>
__device__ inline Lanes<C, width> load_lanes(const C* from) {
  return *reinterpret_cast<const Lanes<C, width>*>(from);
}
template <typename C, int width>
__device__ inline void store_lanes(C* to, const Lanes<C, width>& lanes) {
  *reinterpret_cast<Lanes<C, width>*>(to) = lanes;
}

// A store of 16 bytes, which the compiler would take apart where a branch beside it stores them one
// by one.
__device__ inline void store_whole(void* to, uint4 value) {
  __stcg(static_cast<uint4*>(to), value);
}

// The fused multiply-add, where bits must not depend on how the compiler contracts an expression.
__device__ inline float multiply_add(float a, float b, float c) { return ::fmaf(a, b, c); }
__device__ inline double multiply_add(double a, double b, double c) { return ::fma(a, b, c); }

// The thread block's dynamic shared memory, aligned to 16 bytes.
__device__ inline unsigned char* shared_memory() {
#ifdef BLOCKHESS_EMULATED
  return emulator::dynamic_shared_memory();
#else
  extern __shared__ __align__(16) unsigned char memory[];
  return memory;
#endif
}

// All threads of a block share a loop over [0, count). What lies in one tile fits an int.
template <typename Body>
__device__ inline void for_each(int count, Body body) {
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) body(i);
}

}  // namespace blockhess::cuda
