// Kernels against a device memset of what they write and a device copy that moves as much as they
// read, in turn, on one stream: medians of CUDA events.
#include "bench/gpu/timing.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "bench/gpu/calls.h"
#include "bench/gpu/device.h"
#include "bench/gpu/problem.h"
#include "bench/gpu/records.h"

namespace blockhess::bench {

namespace {

constexpr int kRounds = 21;
// Values of a cotangent that are drawn; the others are these again. To draw all of them would take
// the host minutes.
constexpr int64_t kDrawn = 1 << 20;

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

// A pass against a device function that moves as many bytes.
struct Timing {
  const char* a_case;
  int64_t N, K;
  const char* pass;
  int64_t bytes;
  double milliseconds;
  const char* limit;
  double limit_milliseconds;
};

void record_timing(const char* type, const Timing& timing) {
  record({{"what", "timing"},
          {"case", timing.a_case},
          {"type", type},
          {"N", timing.N},
          {"K", timing.K},
          {"pass", timing.pass},
          {"bytes", timing.bytes},
          {"ms", timing.milliseconds},
          {"limit", timing.limit},
          {"limit_ms", timing.limit_milliseconds},
          {"share", timing.limit_milliseconds / timing.milliseconds}});
}

// An elementwise program against a copy of the same bytes.
template <typename T>
void time_map(const char* type) {
  const Program program = read_map("blockhess 1 | map 1: r1 = tanh r0; r1 = mul r1 r0; return r1");
  const int64_t count = kTimedBytes / static_cast<int64_t>(sizeof(T));
  const DeviceArray<T> in(count), out(count);
  require(cudaMemset(in.data(), 0, in.bytes()), "memset");
  const MapInput<T> input{in.data(), 1};
  T* const output = out.data();
  const MapArguments<T> arguments{count, &program, &input, &output};
  const auto times = medians([&] { call(arguments); },
                             [&] {
                               require(cudaMemcpyAsync(out.data(), in.data(), in.bytes(),
                                                       cudaMemcpyDeviceToDevice, nullptr),
                                       "copy");
                             });
  std::printf("map of %lld values: %.3f ms, / copy %.3f\n", static_cast<long long>(count), times[0],
              times[0] / times[1]);
  record_timing(type, {"map", count, 1, "forward", 2 * in.bytes(), times[0], "copy", times[1]});
}

template <typename T>
void time_type(const char* type) {
  std::printf("\n%s, dense blocks of %lld MiB\n", type, static_cast<long long>(kTimedBytes >> 20));
  std::printf("%-10s %9s %5s %12s %13s %13s %13s %13s\n", "case", "N", "K", "forward ms",
              "/ memset", "memset GB/s", "backward ms", "/ copy");
  for (const int64_t K : kTimedColumns) {
    const int64_t N = kTimedBytes / (K * K * static_cast<int64_t>(sizeof(T)));
    for (const Case& a_case : cases()) {
      if (!a_case.is_timed) continue;
      const Inputs in(a_case, N, K, Layout::kDense, std::max(kDrawn / (K * K), int64_t{1}));
      Arrays<DeviceArray<T>> arrays(in);
      const Problem<T> problem(a_case, in, arrays, Wanted::kBlocks);
      void* const blocks = arrays.hessian.data();
      const int64_t bytes = arrays.hessian.bytes();
      const auto times =
          medians([&] { call(problem.forward); },
                  [&] { require(cudaMemsetAsync(blocks, 0, bytes, nullptr), "memset"); },
                  [&] { call(problem.backward); },
                  [&] {
                    // Reads and writes half as many bytes each as the backward pass reads.
                    require(cudaMemcpyAsync(blocks, arrays.M.data(), bytes / 2,
                                            cudaMemcpyDeviceToDevice, nullptr),
                            "copy");
                  });
      std::printf("%-10s %9lld %5lld %12.3f %13.3f %13.0f %13.3f %13.3f\n", a_case.name,
                  static_cast<long long>(N), static_cast<long long>(K), times[0],
                  times[0] / times[1], bytes / times[1] / 1e6, times[2], times[2] / times[3]);
      record_timing(type, {a_case.name, N, K, "forward", bytes, times[0], "memset", times[1]});
      record_timing(type, {a_case.name, N, K, "backward", bytes, times[2], "copy", times[3]});
    }
  }
  time_map<T>(type);
}

}  // namespace

void time_all() {
  time_type<float>("float32");
  time_type<double>("float64");
  time_type<Half>("float16");
  time_type<BFloat16>("bfloat16");
}

}  // namespace blockhess::bench
