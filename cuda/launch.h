// Launches a kernel that takes one struct by value, under nvcc and in the emulation alike.
#pragma once

#include "cuda/device.h"
#include "cuda/functions.h"

namespace blockhess::cuda {

inline Result to_result(cudaError_t error) {
  return error == cudaSuccess ? Result{} : Result{Status::kLaunchFailed, static_cast<int>(error)};
}

// The thread blocks of a launch.
struct Grid {
  int64_t x, y = 1;
};

template <typename Call>
Result launch(void (*kernel)(const Call), const Call& call, Grid grid, int64_t shared_bytes,
              void* stream) {
  static_assert(sizeof(Call) <= 4096, "kernel arguments end at 4096 bytes");
  void* arguments[] = {const_cast<Call*>(&call)};
  const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y));
  return to_result(cudaLaunchKernel(kernel, blocks, dim3(kThreads), arguments,
                                    static_cast<size_t>(shared_bytes),
                                    static_cast<cudaStream_t>(stream)));
}

}  // namespace blockhess::cuda
