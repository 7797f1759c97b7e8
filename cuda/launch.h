// Launches a kernel that takes one struct by value. The same call under nvcc and in the emulation.
#pragma once

#include "cuda/device.h"
#include "cuda/functions.h"

namespace blockhess::cuda {

inline Result to_result(cudaError_t error) {
  return error == cudaSuccess ? Result{} : Result{Status::kLaunchFailed, static_cast<int>(error)};
}

template <typename Call>
Result launch(void (*kernel)(const Call), const Call& call, int64_t blocks, int64_t shared_bytes,
              void* stream) {
  static_assert(sizeof(Call) <= 4096, "kernel arguments end at 4096 bytes");
  void* arguments[] = {const_cast<Call*>(&call)};
  return to_result(cudaLaunchKernel(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads),
                                    arguments, static_cast<size_t>(shared_bytes),
                                    static_cast<cudaStream_t>(stream)));
}

}  // namespace blockhess::cuda
