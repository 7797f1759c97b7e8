// Sums by a whole thread block, kColumns of them at once, in an order that the sizes alone decide.
#pragma once

#include "cuda/device.h"

namespace blockhess::cuda {

inline constexpr int kColumns = kThreads / kParts;

// Which of the sums the calling thread works on.
__device__ inline int own_column() { return static_cast<int>(threadIdx.x) % kColumns; }

// The sum of get(i) for i in [0, count), in type A, of the calling thread's column; every thread of
// the block must call. Uses the first sum_bytes<A> of shared memory.
template <typename A, typename Get>
__device__ A sum_in_parts(int64_t count, Get get) {
  A* const sums = reinterpret_cast<A*>(shared_memory());
  A sum(0);
  for (int64_t i = static_cast<int>(threadIdx.x) / kColumns; i < count; i += kParts) sum += get(i);
  __syncthreads();
  sums[threadIdx.x] = sum;
  __syncthreads();
  sum = sums[own_column()];
  for (int part = 1; part < kParts; ++part) sum += sums[part * kColumns + own_column()];
  return sum;
}

template <typename A>
inline constexpr int64_t sum_bytes = kThreads * int64_t{sizeof(A)};

}  // namespace blockhess::cuda
