// Sums by a whole thread block, several at once, in an order that the sizes alone decide.
#pragma once

#include "cuda/device.h"

namespace blockhess::cuda {

// How a thread block divides up sums of so many numbers each: a column of `parts` threads computes
// one sum, and each of them adds up every parts-th number.
struct Columns {
  int parts = 1;

  explicit Columns(int64_t count) {
    while (parts < kParts && 2 * parts <= count) parts *= 2;
  }
  // How many sums a thread block takes at once.
  __host__ __device__ int number() const { return kThreads / parts; }
  __device__ int own() const { return static_cast<int>(threadIdx.x) % number(); }
  __device__ int own_part() const { return static_cast<int>(threadIdx.x) / number(); }
};

// The sum of get(i) for i in [0, count), in type A, of the calling thread's column; every thread of
// the block must call. Uses the first sum_bytes<A> of shared memory.
template <typename A, typename Get>
__device__ A sum_in_parts(const Columns& columns, int64_t count, Get get) {
  A* const sums = reinterpret_cast<A*>(shared_memory());
  A sum(0);
  for (int64_t i = columns.own_part(); i < count; i += columns.parts) sum += get(i);
  if (columns.parts == 1) return sum;
  __syncthreads();
  sums[threadIdx.x] = sum;
  __syncthreads();
  sum = sums[columns.own()];
  for (int part = 1; part < columns.parts; ++part) {
    sum += sums[part * columns.number() + columns.own()];
  }
  return sum;
}

template <typename A>
inline constexpr int64_t sum_bytes = kThreads * int64_t{sizeof(A)};

}  // namespace blockhess::cuda
