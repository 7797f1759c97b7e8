// blockhess_gpu: the CUDA kernels checked against the CPU backend, then timed.
//
//     blockhess_gpu           both
//     blockhess_gpu check     only the first, for compute-sanitizer
//
// Exit code: 0 all equal, 1 a result is wrong or a call of CUDA failed, 2 no GPU.
#include <cstdio>
#include <cstring>

#include "bench/gpu/check.h"
#include "bench/gpu/device.h"
#include "bench/gpu/timing.h"

int main(int count, char** words) {
  using namespace blockhess::bench;
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "there is no GPU here: %s\n",
                 error != cudaSuccess ? cudaGetErrorString(error) : "no device");
    return 2;
  }
  cudaDeviceProp properties;
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  std::printf("%s, sm_%d%d, %zu MiB\n", properties.name, properties.major, properties.minor,
              properties.totalGlobalMem >> 20);
  if (check() > 0) return 1;
  if (count < 2 || std::strcmp(words[1], "check") != 0) time_all();
  return 0;
}
