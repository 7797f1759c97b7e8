// blockhess_gpu: the CUDA kernels checked against the CPU backend, then timed.
//
//     blockhess_gpu                            both
//     blockhess_gpu check                      only the first
//     blockhess_gpu check short                a part of it, for compute-sanitizer
//     blockhess_gpu check short uninitialized  the same, in memory that nothing has been written
//     to,
//                                              for its initcheck
//     blockhess_gpu time                       only the second
//
// `--json FILE` at the end adds what is found to that file, a line each. Exit code: 0 all equal, 1
// a result is wrong, a call of CUDA failed or the words are others, 2 no GPU.
#include <cstdio>
#include <string>

#include "bench/gpu/calls.h"
#include "bench/gpu/check.h"
#include "bench/gpu/device.h"
#include "bench/gpu/records.h"
#include "bench/gpu/timing.h"

int main(int count, char** words) {
  using namespace blockhess::bench;
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // a file holds what was found when time runs out
  if (count > 2 && std::string(words[count - 2]) == "--json") {
    records() = std::fopen(words[count - 1], "a");
    if (records() == nullptr) {
      std::perror(words[count - 1]);
      return 1;
    }
    count -= 2;
  }
  std::string asked;
  for (int i = 1; i < count; ++i) asked += (i > 1 ? " " : "") + std::string(words[i]);
  const bool is_short = asked == "check short" || asked == "check short uninitialized";
  const bool checks = asked.empty() || asked == "check" || is_short;
  const bool times = asked.empty() || asked == "time";
  if (!checks && !times) {
    std::fprintf(stderr, "blockhess_gpu [check [short [uninitialized]] | time] [--json FILE]\n");
    return 1;
  }
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
  fills_new_memory() = asked != "check short uninitialized";
  if (checks && check(is_short) > 0) return 1;
  if (times) time_all();
  // What is still held then has leaked.
  workspace_memory().reset();
  require(cudaDeviceReset(), "cudaDeviceReset");
  return 0;
}
