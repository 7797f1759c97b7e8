// Every CUDA kernel against the CPU backend in double, on the same inputs.
#include "bench/gpu/check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "bench/gpu/calls.h"
#include "bench/gpu/device.h"
#include "bench/gpu/problem.h"
#include "bench/gpu/records.h"
#include "csrc/core/instruction.h"
#include "csrc/cpu/map.h"
#include "csrc/cpu/terms.h"
#include "csrc/cpu/terms_vjp.h"

namespace blockhess::bench {

namespace {

using Values = std::vector<double>;
using Named = std::vector<std::pair<std::string, Values>>;

const cpu::ParallelFor kOneThread{[](void*, int64_t total, int64_t, cpu::ParallelFor::Body body,
                                     void* context) { body(context, 0, total); },
                                  nullptr, 1};

// The largest difference relative to the largest entry, or to one where that is less; infinite
// where one of two is NaN.
double error(const Values& actual, const Values& expected) {
  double difference = 0, scale = 1;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(actual[i]) != std::isnan(expected[i])) {
      return std::numeric_limits<double>::infinity();
    }
    if (std::isnan(actual[i]) || actual[i] == expected[i]) continue;
    difference = std::max(difference, std::abs(actual[i] - expected[i]));
    scale = std::max(scale, std::abs(expected[i]));
  }
  return difference / scale;
}

// Whether they are the same to the bit, where NaN is NaN.
bool are_same(const Named& a, const Named& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a[i].second.size(); ++j) {
      const double one = a[i].second[j], other = b[i].second[j];
      if (one != other && !(std::isnan(one) && std::isnan(other))) return false;
    }
  }
  return true;
}

template <typename Array, typename ToHost>
Named results(const Arrays<Array>& arrays, ToHost to_host) {
  Named named{{"value", to_host(arrays.value)},
              {"gradient", to_host(arrays.gradient)},
              {"hessian", to_host(arrays.hessian)}};
  for (size_t i = 0; i < arrays.bars.size(); ++i) {
    named.emplace_back("cotangent " + std::to_string(i), to_host(arrays.bars[i]));
  }
  return named;
}

Named on_cpu(const Case& a_case, const Inputs& in) {
  Arrays<Values> arrays(in);
  const Problem<double> problem(a_case, in, arrays, Wanted::kAll);
  cpu::terms(problem.forward, kOneThread);
  cpu::terms_vjp(problem.backward, kOneThread);
  return results(arrays, [](const Values& values) { return values; });
}

template <typename T>
Named on_gpu(const Case& a_case, const Inputs& in) {
  Arrays<DeviceArray<T>> arrays(in);
  const Problem<T> problem(a_case, in, arrays, Wanted::kAll);
  call(problem.forward);
  call(problem.backward);
  require(cudaDeviceSynchronize(), "the kernels");
  return results(arrays, [](const DeviceArray<T>& array) { return array.to_host(); });
}

template <typename T>
void round_to(Values& values) {
  for (double& value : values) {
    T narrowed;
    narrow(value, &narrowed);
    value = widen(narrowed);
  }
}

// The results of one type.
class Report {
 public:
  Report(const char* type, double tolerance) : type_(type), tolerance_(tolerance) {}

  void compare(const std::string& what, const Values& actual, const Values& expected) {
    ++checked_;
    const double difference = error(actual, expected);
    worst_ = std::max(worst_, difference);
    if (!(difference <= tolerance_)) {
      fail(what + " is off by " + std::to_string(difference));
    }
  }
  void fail(const std::string& what) {
    ++failed_;
    std::printf("WRONG %s %s\n", type_, what.c_str());
  }
  int summary() const {
    std::printf("%s: %d results, %d wrong; off by at most %.1e, allowed %.0e\n", type_, checked_,
                failed_, worst_, tolerance_);
    record({{"what", "check"},
            {"type", type_},
            {"results", int64_t{checked_}},
            {"wrong", int64_t{failed_}},
            {"worst", worst_},
            {"allowed", tolerance_}});
    return failed_;
  }

 private:
  const char* type_;
  double tolerance_, worst_ = 0;
  int checked_ = 0, failed_ = 0;
};

// What is checked: pairs of N and K, and how many values a map has.
struct Sizes {
  std::vector<std::pair<int64_t, int64_t>> terms;
  int64_t map;
};
const Sizes kMany{{{1000, 8}, {777, 3}, {129, 33}, {40, 128}, {3, 700}, {2, 1}, {70001, 5}, {0, 4}},
                  100003};
const Sizes kFew{{{37, 8}, {29, 3}, {9, 33}, {3, 128}, {1, 300}}, 1003};

template <typename T>
void check_terms(Report& report, const Sizes& sizes) {
  for (const Case& a_case : cases()) {
    for (const auto& [N, K] : sizes.terms) {
      for (const LayoutInfo& info : kLayouts) {
        if (info.layout == Layout::kNone) continue;
        Inputs in(a_case, N, K, info.layout);
        for (Values& values : in.values) round_to<T>(values);
        for (Values* values : {&in.V, &in.G, &in.M}) round_to<T>(*values);
        const std::string name = std::string(a_case.name) + ", N = " + std::to_string(N) +
                                 ", K = " + std::to_string(K) + ", " + std::string(info.name);
        const Named expected = on_cpu(a_case, in), actual = on_gpu<T>(a_case, in);
        for (size_t i = 0; i < actual.size(); ++i) {
          report.compare(name + ": " + actual[i].first, actual[i].second, expected[i].second);
        }
        if (!are_same(actual, on_gpu<T>(a_case, in)))
          report.fail(name + ": differs from run to run");
      }
    }
  }
}

// Every instruction.
template <typename T>
void check_map(Report& report, const Sizes& sizes) {
  const int64_t count = sizes.map;
  Values whole, real;
  for (int64_t i = 0; i < count; ++i) {
    whole.push_back(static_cast<double>(i % 3));
    real.push_back((i % 2 == 0 ? 0.1 : 1.1) + 0.8 * static_cast<double>(i) / count);
  }
  round_to<T>(real);
  const DeviceArray<T> device_whole(whole), device_real(real);
  for (const InstructionInfo& instruction : kInstructions) {
    const std::string text = "blockhess 1 | map " + std::to_string(instruction.arity) +
                             ": r3 = " + instruction.name +
                             std::string(" r0 r1 r2", 3 * instruction.arity) + "; return r3";
    const Program program = read_map(text);
    Values expected(count);
    const DeviceArray<T> actual(count);
    // Orders of polygamma are whole; of three, the second is one value for all.
    std::vector<MapInput<double>> inputs;
    std::vector<MapInput<T>> device_inputs;
    if (instruction.arity > 1) {
      inputs.push_back({whole.data(), 1});
      device_inputs.push_back({device_whole.data(), 1});
    }
    if (instruction.arity > 2) {
      inputs.push_back({real.data(), 0});
      device_inputs.push_back({device_real.data(), 0});
    }
    inputs.push_back({real.data(), 1});
    device_inputs.push_back({device_real.data(), 1});
    double* const expected_data[] = {expected.data()};
    T* const actual_data[] = {actual.data()};
    cpu::map(MapArguments<double>{count, &program, inputs.data(), expected_data}, kOneThread);
    call(MapArguments<T>{count, &program, device_inputs.data(), actual_data});
    report.compare(instruction.name, actual.to_host(), expected);
  }
}

template <typename T>
int check_type(const char* type, double tolerance, const Sizes& sizes) {
  Report report(type, tolerance);
  check_terms<T>(report, sizes);
  check_map<T>(report, sizes);
  return report.summary();
}

}  // namespace

int check(bool in_short) {
  const Sizes& sizes = in_short ? kFew : kMany;
  int wrong =
      check_type<float>("float32", 2e-5, sizes) + check_type<BFloat16>("bfloat16", 8e-3, sizes);
  if (in_short) return wrong;
  return wrong + check_type<double>("float64", 1e-11, sizes) +
         check_type<Half>("float16", 1e-3, sizes);
}

}  // namespace blockhess::bench
