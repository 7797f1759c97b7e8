// Kernels against a device memset of what they write and a device copy of half of what they read and
// write, in turn, on one stream: medians of CUDA events.
#include "bench/gpu/timing.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "bench/gpu/cuda_calls.h"
#include "bench/gpu/device.h"
#include "bench/gpu/problem.h"

namespace blockhess::bench {

namespace {

constexpr int kRounds = 21;
constexpr int64_t kOutputBytes = int64_t{1} << 30;  // well past any cache

// Milliseconds of each call, in turn; the first round warms up.
template <typename... Calls>
std::vector<double> medians(const Calls&... calls) {
  cudaEvent_t begin, end;
  require(cudaEventCreate(&begin), "cudaEventCreate");
  require(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<std::vector<double>> times(sizeof...(calls));
  for (int round = 0; round <= kRounds; ++round) {
    size_t index = 0;
    const auto time = [&](const auto& call) {
      require(cudaEventRecord(begin), "cudaEventRecord");
      call();
      require(cudaEventRecord(end), "cudaEventRecord");
      require(cudaEventSynchronize(end), "the kernels");
      float milliseconds;
      require(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
      if (round > 0) times[index].push_back(milliseconds);
      ++index;
    };
    (time(calls), ...);
  }
  require(cudaEventDestroy(begin), "cudaEventDestroy");
  require(cudaEventDestroy(end), "cudaEventDestroy");
  std::vector<double> result;
  for (auto& of_call : times) {
    std::nth_element(of_call.begin(), of_call.begin() + kRounds / 2, of_call.end());
    result.push_back(of_call[kRounds / 2]);
  }
  return result;
}

template <typename T>
void time_type(const char* type) {
  std::printf("\n%s, dense blocks of %lld MiB\n", type,
              static_cast<long long>(kOutputBytes >> 20));
  std::printf("%-10s %9s %5s %12s %13s %13s %13s %13s\n", "case", "N", "K", "forward ms",
              "/ memset", "memset GB/s", "backward ms", "/ copy");
  for (const int64_t K : {8, 32, 128}) {
    const int64_t N = kOutputBytes / (K * K * static_cast<int64_t>(sizeof(T)));
    const Inputs<T> in(N, K, Layout::kNone);
    const DeviceArray<T> x(in.x), S(in.S), x_bar(N * K), M(N * K * K), hessian(N * K * K);
    require(cudaMemset(M.data(), 0, M.bytes()), "cudaMemset");
    const Arrays<T> arrays{x.data(), S.data(), M.data(), nullptr, nullptr, hessian.data(),
                           x_bar.data()};
    for (const Case& a_case : cases()) {
      const Problem<T> problem(a_case, N, K, Layout::kDense, {false, false, Layout::kDense},
                               arrays);
      const auto times = medians(
          [&] { call(problem.forward); },
          [&] { require(cudaMemsetAsync(hessian.data(), 0, hessian.bytes(), nullptr), "memset"); },
          [&] { call(problem.backward); },
          [&] {
            // Moves as many bytes as the backward pass reads.
            require(cudaMemcpyAsync(hessian.data(), M.data(), M.bytes() / 2,
                                    cudaMemcpyDeviceToDevice, nullptr),
                    "copy");
          });
      std::printf("%-10s %9lld %5lld %12.3f %13.3f %13.0f %13.3f %13.3f\n", a_case.name,
                  static_cast<long long>(N), static_cast<long long>(K), times[0],
                  times[0] / times[1], hessian.bytes() / times[1] / 1e6, times[2],
                  times[2] / times[3]);
    }
  }
}

}  // namespace

void time_all() {
  time_type<float>("float32");
  time_type<double>("float64");
}

}  // namespace blockhess::bench
