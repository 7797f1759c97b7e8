// A stand-in for the CUDA language, small but true: the threads of a block are fibers that barriers
// alone bring into an order, so the thread sanitizer sees a missing one; the shared memory of a
// block is an allocation of its own, so the address sanitizer sees who leaves it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__

struct dim3 {
  unsigned x, y, z;
  explicit dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };
using cudaStream_t = void*;

inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorInvalidConfiguration ? "invalid configuration argument"
                                                : "invalid argument";
}

namespace emulator {

struct Position {
  dim3 thread, block, block_size, grid_size;
  unsigned char* shared = nullptr;
};

Position& position();  // of the calling thread
void barrier();
inline unsigned char* dynamic_shared_memory() { return position().shared; }

// Where it is not 0, the threads of a block pass its barrier of this number, from 1 on, as if it
// were not there: a mistake for the tests to find.
unsigned& missing_barrier();

// Where it is not 0, a launch has so many thread blocks whatever was asked for, of which only the
// last kLastBlocks run: the end of a problem that is too large to run.
unsigned& stretched_grid();
inline constexpr unsigned kLastBlocks = 3;

// Runs `body` in every thread of every block.
cudaError_t run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body);

}  // namespace emulator

#define threadIdx (emulator::position().thread)
#define blockIdx (emulator::position().block)
#define blockDim (emulator::position().block_size)
#define gridDim (emulator::position().grid_size)

inline void __stcg(uint4* to, uint4 value) { *to = value; }
inline void __syncthreads() { emulator::barrier(); }

template <typename Call>
cudaError_t cudaLaunchKernel(void (*kernel)(Call), dim3 grid, dim3 block, void** arguments,
                             size_t shared_bytes, cudaStream_t) {
  const Call& call = *static_cast<const Call*>(arguments[0]);
  return emulator::run(grid, block, shared_bytes, [&] { kernel(call); });
}
