// Every CUDA kernel against the CPU backend on the same inputs.
#include "bench/gpu/check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "bench/gpu/cuda_calls.h"
#include "bench/gpu/device.h"
#include "bench/gpu/problem.h"
#include "csrc/cpu/functions.h"

namespace blockhess::bench {

namespace {

cpu::ParallelFor one_thread() {
  const auto run = [](void*, int64_t total, int64_t, cpu::ParallelFor::Body body, void* context) {
    body(context, 0, total);
  };
  return {run, nullptr, 1};
}

template <typename T>
struct Outputs {
  std::vector<T> value, gradient, hessian, x_bar;
};

template <typename T>
Outputs<T> on_cpu(const Case& a_case, const Inputs<T>& in, Layout layout) {
  Outputs<T> out;
  out.value.resize(in.N);
  out.gradient.resize(in.N * in.K);
  out.hessian.resize(in.N * block_size(layout, in.K));
  out.x_bar.resize(in.N * in.K);
  const Arrays<T> arrays{in.x.data(),         in.S.data(),        in.M.data(), out.value.data(),
                         out.gradient.data(), out.hessian.data(), out.x_bar.data()};
  const Problem<T> problem(a_case, in.N, in.K, layout, {true, true, layout}, arrays);
  const auto& functions = blockhess_cpu_functions()->template of<T>();
  functions.terms(problem.forward, one_thread());
  functions.terms_vjp(problem.backward, one_thread());
  return out;
}

template <typename T>
Outputs<T> on_gpu(const Case& a_case, const Inputs<T>& in, Layout layout) {
  const DeviceArray<T> x(in.x), S(in.S), M(in.M);
  const DeviceArray<T> value(in.N), gradient(in.N * in.K);
  const DeviceArray<T> hessian(in.N * block_size(layout, in.K)), x_bar(in.N * in.K);
  const Arrays<T> arrays{x.data(),        S.data(),       M.data(),    value.data(),
                         gradient.data(), hessian.data(), x_bar.data()};
  const Problem<T> problem(a_case, in.N, in.K, layout, {true, true, layout}, arrays);
  call(problem.forward);
  call(problem.backward);
  require(cudaDeviceSynchronize(), "the kernels");
  return {value.to_host(), gradient.to_host(), hessian.to_host(), x_bar.to_host()};
}

// The largest difference relative to the largest entry; infinite where one of two is NaN.
template <typename T>
double error(const std::vector<T>& actual, const std::vector<T>& expected) {
  double difference = 0, scale = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double a = actual[i], e = expected[i];
    if (std::isnan(a) != std::isnan(e)) return std::numeric_limits<double>::infinity();
    if (std::isnan(a)) continue;
    difference = std::max(difference, std::abs(a - e));
    scale = std::max(scale, std::abs(e));
  }
  return scale > 0 ? difference / scale : difference;
}

template <typename T>
int check_type(const char* type, double tolerance) {
  constexpr struct {
    int64_t N, K;
  } kSizes[] = {{1000, 8}, {777, 3}, {129, 33}, {40, 128}, {3, 700}, {2, 1}, {70001, 5}, {0, 4}};
  constexpr std::pair<Layout, const char*> kLayouts[] = {
      {Layout::kDense, "dense"}, {Layout::kDiag, "diag"}, {Layout::kPacked, "packed"}};
  int failed = 0, checked = 0;
  double worst = 0;
  for (const Case& a_case : cases()) {
    for (const auto& [N, K] : kSizes) {
      for (const auto& [layout, layout_name] : kLayouts) {
        const Inputs<T> in(N, K, layout);
        const Outputs<T> expected = on_cpu(a_case, in, layout), actual = on_gpu(a_case, in, layout);
        const std::pair<const char*, double> errors[] = {
            {"value", error(actual.value, expected.value)},
            {"gradient", error(actual.gradient, expected.gradient)},
            {"hessian", error(actual.hessian, expected.hessian)},
            {"x_bar", error(actual.x_bar, expected.x_bar)}};
        for (const auto& [name, difference] : errors) {
          ++checked;
          worst = std::max(worst, difference);
          if (difference <= tolerance) continue;
          ++failed;
          std::printf("WRONG %s %s, N %lld, K %lld, %s: %s differs by %.1e\n", type, a_case.name,
                      static_cast<long long>(N), static_cast<long long>(K), layout_name, name,
                      difference);
        }
      }
    }
  }
  std::printf("%s: %d of %d results equal the CPU's to %.0e; the largest difference is %.1e\n",
              type, checked - failed, checked, tolerance, worst);
  return failed;
}

}  // namespace

int check() { return check_type<float>("float32", 2e-5) + check_type<double>("float64", 1e-12); }

}  // namespace blockhess::bench
