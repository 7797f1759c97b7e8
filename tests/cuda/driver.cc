// Runs the emulated CUDA functions beside the CPU backend on a table of cases and says which
// differ.
//
//   driver FUNCTION TYPE [MISTAKE], such as `driver terms float`
//
// FUNCTION is terms, terms_vjp, map, wide: the widest rows that the backend is made for, or large:
// offsets past 2^31, in the end of a problem of so many blocks and by strides; or half, which needs
// no type: the conversions of csrc/core/half.h. MISTAKE is what the kernels are to do wrong:
// missing_barrier or long_tail.
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "csrc/core/needs.h"
#include "csrc/core/operands.h"
#include "csrc/cpu/dispatch.h"
#include "cuda/cotangent.h"
#include "cuda/device.h"
#include "cuda/functions.h"
#include "cuda_runtime.h"

namespace blockhess {
namespace {

std::vector<Layout> block_layouts() {
  std::vector<Layout> layouts;
  for (const LayoutInfo& info : kLayouts) {
    if (info.layout != Layout::kNone) layouts.push_back(info.layout);
  }
  return layouts;
}

template <typename T>
struct Numbers {
  using Reference = T;
  static T from(double value) { return static_cast<T>(value); }
  static Reference reference(T value) { return value; }
};
template <>
struct Numbers<Half> {
  using Reference = float;
  static Half from(double value) { return to_half(static_cast<float>(value)); }
  static float reference(Half value) { return to_float(value); }
};
template <>
struct Numbers<BFloat16> {
  using Reference = float;
  static BFloat16 from(double value) { return to_bfloat16(static_cast<float>(value)); }
  static float reference(BFloat16 value) { return to_float(value); }
};

template <typename T>
double tolerance();
template <>
double tolerance<float>() {
  return 2e-5;
}
template <>
double tolerance<double>() {
  return 1e-12;
}
template <>
double tolerance<Half>() {
  return 2e-3;
}
template <>
double tolerance<BFloat16>() {
  return 1e-2;
}

// An allocation of exactly so many values that starts `shift` values past a 16-byte boundary. They
// are NaN, so that what is never written does not pass for a result.
template <typename T>
class Memory {
 public:
  Memory(int64_t count, int shift) : count_(count), shift_(shift), all_(new T[count + shift]) {
    std::fill_n(all_.get(), count + shift, Numbers<T>::from(std::nan("")));
  }
  T* get() const { return all_.get() + shift_; }
  int64_t count() const { return count_; }

 private:
  int64_t count_;
  int shift_;
  std::unique_ptr<T[]> all_;
};

// Then they have a value less than they need: whoever does not notice does not look.
bool hessians_are_short = false;

const char* const kWave =
    "3: r3 = mul r2 r0; r4 = sin r3; r4 = mul r1 r4; r5 = cos r3; r5 = mul r1 r5; r5 = mul r2 r5; "
    "r6 = mul r4 r2; r6 = mul r6 r2; r6 = neg r6; return r4 r5 r6";
const char* const kGaussian = "1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return r1 r2 r1";
const char* const kIdentity = "1: r1 = constant 1; return r0 r1 zero";
const char* const kExp = "1: r1 = exp r0; return r1 r1 r1";
// A norm: beside s there is 0.5.
const char* const kLog =
    "1: r1 = constant 0.5; r2 = add r0 r1; r3 = log r2; r4 = reciprocal r2; r2 = square r4; "
    "r2 = neg r2; return r3 r4 r2 r1";

// The same with what the vector-Jacobian product reads.
const char* const kWaveVjp =
    "3: r3 = mul r2 r0; r4 = sin r3; r5 = cos r3; r6 = mul r1 r2; r7 = mul r1 r4; r8 = mul r6 r5; "
    "r9 = mul r6 r2; r10 = mul r9 r4; r10 = neg r10; r11 = mul r9 r2; r11 = mul r11 r5; "
    "r11 = neg r11; r12 = mul r2 r5; r13 = mul r2 r2; r13 = mul r13 r4; r13 = neg r13; "
    "r14 = mul r1 r0; r14 = mul r14 r5; r15 = mul r1 r5; r16 = mul r6 r0; r16 = mul r16 r4; "
    "r15 = sub r15 r16; r17 = mul r6 r4; r17 = add r17 r17; r17 = neg r17; r18 = mul r9 r0; "
    "r18 = mul r18 r5; r17 = sub r17 r18; return r7 r8 r10 r11 r4 r12 r13 r14 r15 r17";
const char* const kGaussianVjp = "1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return r1 r2 r1 r2";
const char* const kIdentityVjp = "1: r1 = constant 1; return r0 r1 zero zero";
const char* const kLogVjp =
    "1: r1 = constant 0.5; r2 = add r0 r1; r3 = log r2; r4 = reciprocal r2; r2 = square r4; "
    "r5 = mul r2 r4; r5 = add r5 r5; r2 = neg r2; return r3 r4 r2 r5";
const char* const kExpVjp = "1: r1 = exp r0; return r1 r1 r1 r1";

struct Case {
  std::string name, terms;
  // The axes of each operand: N, K, 1 and M (K, K) or R (N, K, K), as in "NK,M,K,1,N".
  std::vector<std::string> operands;
};

std::vector<Case> cases(TermKind kind) {
  const bool vjp = kind == TermKind::kVjp;
  const std::string start = "blockhess 1 | ", wave = vjp ? kWaveVjp : kWave;
  const std::string psi = std::string(" | psi ") + (vjp ? kGaussianVjp : kGaussian);
  const std::string identity = vjp ? kIdentityVjp : kIdentity, exp = vjp ? kExpVjp : kExp;
  const std::string all = start + "phi " + wave + " | quadratic | linear | psi " + wave;
  std::vector<Case> table{
      {"separable, identity", start + "phi " + exp + " | psi " + identity, {}},
      {"shared S", start + "quadratic" + psi, {"M"}},
      {"S per row", start + "quadratic" + psi, {"R"}},
      {"b", start + "linear" + psi, {"K"}},
      {"norm", start + "phi " + exp + " | psi " + (vjp ? kLogVjp : kLog), {}},
      {"all parts", all, {"1", "K", "M", "K", "1", "N"}},
      {"all parts per row", all, {"NK", "N1", "R", "NK", "N", "1"}},
      {"three terms",
       start + "linear | psi " + identity + "\n" + start + "quadratic" + psi + "\n" + all,
       {"K", "M", "1", "K", "R", "K", "N", "1"}},
  };
  // A plan that is too long for the arguments of a kernel.
  Case many{"many terms", "", {}};
  for (int i = 0; i < 12; ++i) {
    many.terms += (i > 0 ? "\n" : "") + start + "phi " + wave + " | linear" + psi;
    many.operands.insert(many.operands.end(), {"1", "K", "K"});
  }
  table.push_back(many);
  return table;
}

Shape shape_of(const std::string& kind, int64_t N, int64_t K) {
  if (kind == "1") return {};
  if (kind == "K") return {K};
  if (kind == "N") return {N};
  if (kind == "N1") return {N, 1};
  if (kind == "NK") return {N, K};
  if (kind == "M") return {K, K};
  return {N, K, K};
}

// What vector-Jacobian products have in common; x and the cotangents are left to the caller.
template <typename T>
TermsVjpArguments<T> vjp_arguments(const VjpParts& parts, Layout layout, int64_t N, int64_t K,
                                   const BoundOperands<const T>& operands,
                                   const BoundOperands<T>& operand_bars) {
  TermsVjpArguments<T> arguments{};
  arguments.N = N;
  arguments.K = K;
  arguments.num_terms = static_cast<int>(parts.terms.size());
  arguments.terms = parts.terms.data();
  arguments.steps = parts.steps.data();
  arguments.layout = layout;
  arguments.operands = operands.get();
  arguments.operand_bars = operand_bars.get();
  return arguments;
}

const cpu::ParallelFor kOneThread{[](void*, int64_t total, int64_t, cpu::ParallelFor::Body body,
                                     void* context) { body(context, 0, total); },
                                  nullptr, 1};

// The instruction set that every processor has, whose blocks are symmetric to the bit, too.
template <typename T>
const cpu::TypedFunctions<T>& reference_functions() {
  static const cpu::Functions& functions = cpu::functions("generic");
  return functions.of<T>();
}

int num_cases = 0, num_failures = 0;

void fail(const std::string& name, const std::string& why) {
  ++num_failures;
  std::printf("FAILED %s: %s\n", name.c_str(), why.c_str());
}

template <typename T>
void compare(const std::string& name, const char* what, const T* result,
             const typename Numbers<T>::Reference* expected, int64_t count) {
  double scale = 1;
  for (int64_t i = 0; i < count; ++i) scale = std::max(scale, std::abs(double{expected[i]}));
  for (int64_t i = 0; i < count; ++i) {
    const double error = std::abs(double{Numbers<T>::reference(result[i])} - double{expected[i]});
    if (error <= tolerance<T>() * scale) continue;
    return fail(name, std::string(what) + " is off by " + std::to_string(error / scale) + " at " +
                          std::to_string(i));
  }
}

// Whether `size` results of the bad row have a NaN; then sets them to what was expected.
template <typename T>
void check_bad_row(const std::string& name, T* results,
                   const typename Numbers<T>::Reference* expected, int64_t row, int64_t size) {
  bool has_nan = false;
  for (int64_t i = row * size; i < (row + 1) * size; ++i) {
    has_nan |= std::isnan(Numbers<T>::reference(results[i]));
    results[i] = Numbers<T>::from(expected[i]);
  }
  if (!has_nan) fail(name, "a row with NaN gives none");
}

// Whether blocks (count, K, K) are symmetric to the bit.
template <typename T>
void check_symmetric(const std::string& name, const T* blocks, int64_t count, int64_t K) {
  for (int64_t i = 0; i < count * K * K; ++i) {
    const int64_t column = i % K, row = i / K % K, n = i / (K * K);
    if (std::memcmp(blocks + i, blocks + (n * K + column) * K + row, sizeof(T)) != 0) {
      return fail(name, "a block is not symmetric");
    }
  }
}

template <typename T>
void test_terms(const Case& test, int64_t N, int64_t K, Results wanted, int shift,
                int64_t bad_row = -1) {
  using Reference = typename Numbers<T>::Reference;
  const std::string name = test.name + ", N = " + std::to_string(N) + ", K = " + std::to_string(K) +
                           ", layout " + std::to_string(static_cast<int>(wanted.layout)) +
                           ", shift " + std::to_string(shift);
  ++num_cases;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<std::unique_ptr<Memory<T>>> memory;
  std::vector<std::vector<Reference>> references;
  const auto draw = [&](int64_t count, double scale) {
    memory.push_back(std::make_unique<Memory<T>>(count, shift));
    references.emplace_back(count);
    for (int64_t i = 0; i < count; ++i) {
      memory.back()->get()[i] = Numbers<T>::from(scale * uniform(random));
      references.back()[i] = Numbers<T>::reference(memory.back()->get()[i]);
    }
  };
  const auto terms = forward_parts(read_terms(test.terms, TermKind::kForward), wanted);
  std::vector<Shape> shapes;
  draw(N * K, 1);
  for (const std::string& kind : test.operands) {
    shapes.push_back(shape_of(kind, N, K));
    draw(num_elements(shapes.back()), 1.0 / static_cast<double>(std::max<int64_t>(K, 1)));
  }
  // The reference has the row as it was: only that row may differ.
  if (bad_row >= 0) {
    memory[0]->get()[bad_row * K] = Numbers<T>::from(std::numeric_limits<double>::quiet_NaN());
    memory[0]->get()[bad_row * K + 1] = Numbers<T>::from(-std::numeric_limits<double>::infinity());
  }
  const auto strides = operand_strides(terms, N, K, shapes);
  std::vector<const T*> data;
  std::vector<const Reference*> reference_data;
  for (size_t i = 1; i < memory.size(); ++i) {
    data.push_back(memory[i]->get());
    reference_data.push_back(references[i].data());
  }
  const BoundOperands<const T> operands(terms, strides, data);
  const BoundOperands<const Reference> reference_operands(terms, strides, reference_data);

  const int64_t block = N * block_size(wanted.layout, K);
  Memory<T> value(N, shift), gradient(N * K, shift);
  Memory<T> hessian(block > 0 && hessians_are_short ? block - 1 : block, shift);
  std::vector<Reference> value0(N), gradient0(N * K), hessian0(block);
  const auto fill = [&](auto& arguments, const auto& bound, const auto* x, auto* values,
                        auto* gradients, auto* blocks) {
    arguments.N = N;
    arguments.K = K;
    arguments.num_terms = static_cast<int>(terms.size());
    arguments.terms = terms.data();
    arguments.operands = bound.get();
    arguments.x = x;
    arguments.layout = wanted.layout;
    arguments.value = wanted.value ? values : nullptr;
    arguments.gradient = wanted.gradient ? gradients : nullptr;
    arguments.hessian = wanted.hessian() ? blocks : nullptr;
  };
  TermsArguments<T> arguments{};
  fill(arguments, operands, memory[0]->get(), value.get(), gradient.get(), hessian.get());
  TermsArguments<Reference> reference{};
  fill(reference, reference_operands, references[0].data(), value0.data(), gradient0.data(),
       hessian0.data());
  reference_functions<Reference>().terms(reference, kOneThread);
  const std::unique_ptr<unsigned char[]> workspace(
      new unsigned char[cuda::terms_workspace(arguments)]);
  const cuda::Result result = cuda::terms(arguments, workspace.get(), nullptr);
  if (!result.is_done()) return fail(name, result.text());
  if (bad_row >= 0) {
    const int64_t size = block_size(wanted.layout, K);
    check_bad_row(name, value.get(), value0.data(), bad_row, 1);
    check_bad_row(name, gradient.get(), gradient0.data(), bad_row, K);
    check_bad_row(name, hessian.get(), hessian0.data(), bad_row, size);
  }
  if (wanted.value) compare(name, "value", value.get(), value0.data(), N);
  if (wanted.gradient) compare(name, "gradient", gradient.get(), gradient0.data(), N * K);
  compare(name, "hessian", hessian.get(), hessian0.data(), block);
  if (wanted.layout == Layout::kDense && bad_row < 0) check_symmetric(name, hessian.get(), N, K);
}

// Cells that outweigh the others of their rows: every entry of the blocks is as exact.
template <typename T>
void test_dominating(int64_t N, int64_t K, Layout layout) {
  const std::string name = "a dominating cell, K = " + std::to_string(K) + ", layout " +
                           std::to_string(static_cast<int>(layout));
  ++num_cases;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<T> x(N * K), result(N * block_size(layout, K)), expected(result.size());
  for (T& value : x) value = static_cast<T>(uniform(random));
  for (int64_t i = 0; i < N; ++i) x[i * K + i % K] = T(30);
  const auto terms = forward_parts(
      read_terms(std::string("blockhess 1 | phi ") + kExp + " | psi " + kLog, TermKind::kForward),
      {false, false, layout});
  const std::vector<const T*> no_data;
  const BoundOperands<const T> operands(terms, operand_strides(terms, N, K, {}), no_data);
  TermsArguments<T> arguments{};
  arguments.N = N;
  arguments.K = K;
  arguments.num_terms = 1;
  arguments.terms = terms.data();
  arguments.operands = operands.get();
  arguments.x = x.data();
  arguments.layout = layout;
  arguments.hessian = expected.data();
  reference_functions<T>().terms(arguments, kOneThread);
  arguments.hessian = result.data();
  const std::unique_ptr<unsigned char[]> workspace(
      new unsigned char[cuda::terms_workspace(arguments)]);
  const cuda::Result done = cuda::terms(arguments, workspace.get(), nullptr);
  if (!done.is_done()) return fail(name, done.text());
  for (size_t i = 0; i < result.size(); ++i) {
    const double error = std::abs(double{result[i]} - double{expected[i]});
    if (error <= tolerance<T>() * std::abs(double{expected[i]})) continue;
    return fail(name, "entry " + std::to_string(i) + " is off");
  }
}

// More rows without columns than can be gone through.
template <typename T>
void test_no_columns(Layout layout) {
  ++num_cases;
  const auto terms = forward_parts(
      read_terms(std::string("blockhess 1 | phi ") + kExp + " | psi " + kLog, TermKind::kForward),
      {false, true, layout});
  const int64_t N = int64_t{1} << 62;
  const std::vector<const T*> no_data;
  const BoundOperands<const T> operands(terms, operand_strides(terms, N, 0, {}), no_data);
  T nothing{};
  const TermsArguments<T> arguments{N,        0,      1,       terms.data(), operands.get(),
                                    &nothing, layout, nullptr, &nothing,     &nothing};
  if (cuda::terms_workspace(arguments) != 0) fail("no columns", "asks for memory");
  const cuda::Result done = cuda::terms(arguments, nullptr, nullptr);
  if (!done.is_done()) fail("no columns", done.text());
}

template <typename T>
void test_all_terms() {
  for (const Layout layout : {Layout::kDense, Layout::kDiag, Layout::kPacked}) {
    test_no_columns<T>(layout);
  }
  if constexpr (std::is_floating_point_v<T>) {
    for (const Layout layout : block_layouts()) {
      for (const int64_t K : {1, 3, 8, 33}) test_dominating<T>(13, K, layout);
    }
    test_dominating<T>(1, 300, Layout::kDense);
  }
  for (const Case& test : cases(TermKind::kForward)) {
    for (const Layout layout : block_layouts()) {
      for (const int64_t K : {1, 3, 8}) test_terms<T>(test, 13, K, {true, true, layout}, 0);
      test_terms<T>(test, 7, 5, {false, false, layout}, 1);
    }
    test_terms<T>(test, 3, 4, {true, false, Layout::kNone}, 0);
    test_terms<T>(test, 5, 0, {true, true, Layout::kTrace}, 0);
    test_terms<T>(test, 2, 33, {false, false, Layout::kTrace}, 3);
    test_terms<T>(test, 0, 4, {true, true, Layout::kDense}, 0);
    test_terms<T>(test, 2, 33, {true, true, Layout::kDense}, 3);
  }
  for (const Case& test : cases(TermKind::kForward)) {
    if (test.name == "all parts") {
      test_terms<T>(test, 2, 300, {true, true, Layout::kPacked}, 1);
      test_terms<T>(test, 60, 8, {true, true, Layout::kDense}, 0);
      test_terms<T>(test, 60, 9, {true, true, Layout::kPacked}, 0, 17);
      test_terms<T>(test, 1, 64, {true, true, Layout::kDense}, 0);
    }
    if (test.name == "all parts per row") {
      test_terms<T>(test, 3, 64, {true, true, Layout::kDense}, 1);
      for (const Layout layout : block_layouts()) {
        test_terms<T>(test, 13, 8, {true, true, layout}, 0, 5);
      }
    }
    if (test.name == "separable, identity") {
      test_terms<T>(test, 1, 1100, {true, true, Layout::kDense}, 0);
      test_terms<T>(test, 1, 1100, {true, true, Layout::kTrace}, 0);
    }
  }
}

// Random values, the same for the two sides.
template <typename T>
struct Pair {
  using Reference = typename Numbers<T>::Reference;
  Memory<T> device;
  std::vector<Reference> host;

  Pair(int64_t count, int shift) : device(count, shift), host(count) {}
  Pair(int64_t count, int shift, double scale, std::mt19937& random) : Pair(count, shift) {
    std::uniform_real_distribution<double> uniform(-scale, scale);
    for (int64_t i = 0; i < count; ++i) {
      device.get()[i] = Numbers<T>::from(uniform(random));
      host[i] = Numbers<T>::reference(device.get()[i]);
    }
  }
};

template <typename T>
void test_vjp(const Case& test, int64_t N, int64_t K, Results given, int wanted_every, int shift,
              bool wants_x = true, int64_t bad_row = -1) {
  using Reference = typename Numbers<T>::Reference;
  const std::string name = "vjp of " + test.name + ", N = " + std::to_string(N) +
                           ", K = " + std::to_string(K) + ", layout " +
                           std::to_string(static_cast<int>(given.layout)) + ", wanted every " +
                           std::to_string(wanted_every);
  ++num_cases;
  std::mt19937 random(11);
  std::vector<bool> wanted(test.operands.size() + 1);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = i % wanted_every == 0;
  wanted[0] = wants_x;
  const VjpParts parts = vjp_parts(read_terms(test.terms, TermKind::kVjp), given, wanted);
  std::vector<std::unique_ptr<Pair<T>>> inputs, bars;
  std::vector<Shape> shapes;
  const double small = 1.0 / static_cast<double>(std::max<int64_t>(K, 1));
  inputs.push_back(std::make_unique<Pair<T>>(N * K, shift, 1, random));
  for (const std::string& kind : test.operands) {
    shapes.push_back(shape_of(kind, N, K));
    inputs.push_back(std::make_unique<Pair<T>>(num_elements(shapes.back()), shift, small, random));
  }
  for (const auto& input : inputs) {
    bars.push_back(std::make_unique<Pair<T>>(input->device.count(), shift));
  }
  // The reference has the row as it was: only what is of that row may differ.
  if (bad_row >= 0) inputs[0]->device.get()[bad_row * K] = Numbers<T>::from(std::nan(""));
  const auto strides = operand_strides(parts.terms, N, K, shapes);
  std::vector<const T*> data;
  std::vector<const Reference*> data0;
  std::vector<T*> bar_data;
  std::vector<Reference*> bar_data0;
  for (size_t i = 1; i < inputs.size(); ++i) {
    data.push_back(inputs[i]->device.get());
    data0.push_back(inputs[i]->host.data());
    bar_data.push_back(wanted[i] ? bars[i]->device.get() : nullptr);
    bar_data0.push_back(wanted[i] ? bars[i]->host.data() : nullptr);
  }
  const BoundOperands<const T> operands(parts.terms, strides, data);
  const BoundOperands<const Reference> operands0(parts.terms, strides, data0);
  const BoundOperands<T> operand_bars(parts.terms, strides, bar_data);
  const BoundOperands<Reference> operand_bars0(parts.terms, strides, bar_data0);
  const Pair<T> V(N, shift, 1, random), G(N * K, shift, 1, random);
  const Pair<T> M(N * block_size(given.layout, K), shift, 1, random);
  const auto fill = [&](auto& arguments, auto of) {
    arguments.x = of(*inputs[0]);
    arguments.value_cotangent = given.value ? of(V) : nullptr;
    arguments.gradient_cotangent = given.gradient ? of(G) : nullptr;
    arguments.hessian_cotangent = given.hessian() ? of(M) : nullptr;
    arguments.x_bar = wants_x ? of(*bars[0]) : nullptr;
  };
  auto arguments = vjp_arguments<T>(parts, given.layout, N, K, operands, operand_bars);
  fill(arguments, [](auto& pair) { return pair.device.get(); });
  auto reference = vjp_arguments<Reference>(parts, given.layout, N, K, operands0, operand_bars0);
  fill(reference, [](auto& pair) { return pair.host.data(); });
  reference_functions<Reference>().terms_vjp(reference, kOneThread);
  const std::unique_ptr<unsigned char[]> workspace(
      new unsigned char[cuda::terms_vjp_workspace(arguments)]);
  const cuda::Result result = cuda::terms_vjp(arguments, workspace.get(), nullptr);
  if (!result.is_done()) return fail(name, result.text());
  for (size_t i = 0; i < bars.size(); ++i) {
    if (!wanted[i]) continue;
    const std::string what = "cotangent " + std::to_string(i);
    const std::string kind = i == 0 ? "NK" : test.operands[i - 1];
    const int64_t count = bars[i]->device.count();
    if (bad_row >= 0) {
      if (kind[0] != 'N' && kind[0] != 'R') continue;  // a sum over rows
      check_bad_row(name, bars[i]->device.get(), bars[i]->host.data(), bad_row, count / N);
    }
    compare(name, what.c_str(), bars[i]->device.get(), bars[i]->host.data(), count);
    if (kind == "M" || kind == "R") {
      check_symmetric(name, bars[i]->device.get(), kind == "R" ? N : 1, K);
    }
  }
}

template <typename T>
void test_all_vjps() {
  for (const Case& test : cases(TermKind::kVjp)) {
    for (const Layout layout : block_layouts()) {
      for (const int64_t K : {1, 5}) test_vjp<T>(test, 13, K, {true, true, layout}, 1, 0);
      test_vjp<T>(test, 4, 3, {false, false, layout}, 2, 1);
    }
    test_vjp<T>(test, 5, 4, {true, false, Layout::kNone}, 1, 0);
    test_vjp<T>(test, 0, 4, {true, true, Layout::kDense}, 1, 0);
    test_vjp<T>(test, 2, 33, {false, true, Layout::kDense}, 1, 0);
    test_vjp<T>(test, 3, 6, {true, true, Layout::kDense}, 1, 0, false);
    if (test.name == "all parts") {
      test_vjp<T>(test, 2, 150, {true, true, Layout::kPacked}, 1, 0);
      test_vjp<T>(test, 60, 4, {true, true, Layout::kDense}, 1, 0);
      test_vjp<T>(test, 3, 20, {true, true, Layout::kDense}, 1, 0);
      test_vjp<T>(test, 2, 300, {true, true, Layout::kDense}, 1, 0, false);
    }
    if (test.name == "S per row") test_vjp<T>(test, 1, 1000, {true, true, Layout::kDense}, 1, 0);
    if (test.name == "all parts per row") {
      for (const Layout layout : block_layouts()) {
        test_vjp<T>(test, 13, 5, {true, true, layout}, 1, 0, true, 4);
      }
    }
  }
}

// K = 4096, where a tile lies in the workspace and the rows of a packed block are found from
// numbers that a float does not hold.
template <typename T>
void test_wide() {
  for (const Layout layout : {Layout::kDense, Layout::kPacked}) {
    for (const Case& test : cases(TermKind::kForward)) {
      if (test.name == "b") test_terms<T>(test, 1, 4096, {true, true, layout}, 0);
    }
    for (const Case& test : cases(TermKind::kVjp)) {
      if (test.name == "b") test_vjp<T>(test, 1, 4096, {true, true, layout}, 1, 0);
    }
  }
}

template <typename T>
void test_map() {
  using Reference = typename Numbers<T>::Reference;
  std::string text = "blockhess 1 | map 2: r2 = mul r0 r1; r3 = exp r2; return";
  constexpr int kOutputs = 40;  // more than one launch takes
  for (int i = 0; i < kOutputs; ++i) text += i % 3 == 0 ? " r3" : i % 3 == 1 ? " r2" : " zero";
  const Program program = read_map(text);
  for (const int64_t count : {0, 1, 7, 100}) {
    ++num_cases;
    Memory<T> a(count, 1), b(1, 0);
    std::vector<Reference> a0(count), b0(1);
    for (int64_t i = 0; i < count; ++i) {
      a.get()[i] = Numbers<T>::from(0.01 * static_cast<double>(i));
      a0[i] = Numbers<T>::reference(a.get()[i]);
    }
    b.get()[0] = Numbers<T>::from(0.75);
    b0[0] = Numbers<T>::reference(b.get()[0]);
    std::vector<std::unique_ptr<Memory<T>>> outputs;
    std::vector<std::vector<Reference>> outputs0(kOutputs, std::vector<Reference>(count));
    std::vector<T*> data;
    std::vector<Reference*> data0;
    for (int i = 0; i < kOutputs; ++i) {
      outputs.push_back(std::make_unique<Memory<T>>(count, i % 2));
      data.push_back(outputs.back()->get());
      data0.push_back(outputs0[i].data());
    }
    const MapInput<T> inputs[] = {{a.get(), 1}, {b.get(), 0}};
    const MapInput<Reference> inputs0[] = {{a0.data(), 1}, {b0.data(), 0}};
    const std::string name = "map of " + std::to_string(count);
    const cuda::Result result =
        cuda::map(MapArguments<T>{count, &program, inputs, data.data()}, nullptr);
    if (!result.is_done()) fail(name, result.text());
    reference_functions<Reference>().map(
        MapArguments<Reference>{count, &program, inputs0, data0.data()}, kOneThread);
    for (int i = 0; i < kOutputs; ++i) compare(name, "output", data[i], data0[i], count);
  }
}

// Whether two numbers are as equal as T can say, infinities and NaN included.
template <typename T>
bool is_close(T result, typename Numbers<T>::Reference expected) {
  const double a = Numbers<T>::reference(result);
  const double b = Numbers<T>::reference(Numbers<T>::from(expected));
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  return std::abs(a - b) <= tolerance<T>() * (std::abs(b) + 1e-3);
}

template <typename T>
void test_instruction(Opcode opcode) {
  using Reference = typename Numbers<T>::Reference;
  ++num_cases;
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> numbers{-infinity, -7.5, -3, -1,  -0.5, -0.25, -0.0,     0.0,         0.25,
                              0.5,       1,    2,  3.5, 8,    30,    infinity, std::nan("")};
  // The order of polygamma is a natural number.
  const bool is_polygamma = opcode == Opcode::polygamma;
  const std::vector<double> firsts = is_polygamma ? std::vector<double>{0, 1, 2, 3, 7} : numbers;
  std::vector<T> inputs[3];
  std::vector<Reference> inputs0[3];
  for (const double a : firsts) {
    for (const double b : numbers) {
      const double values[] = {a, b, a - b};
      for (int i = 0; i < 3; ++i) {
        inputs[i].push_back(Numbers<T>::from(values[i]));
        inputs0[i].push_back(Numbers<T>::reference(inputs[i].back()));
      }
    }
  }
  const int arity = info(opcode).arity;
  std::string text = "blockhess 1 | map " + std::to_string(arity) + ": r3 = " + info(opcode).name;
  for (int i = 0; i < arity; ++i) text += " r" + std::to_string(i);
  const Program program = read_map(text + "; return r3");
  const int64_t count = static_cast<int64_t>(inputs[0].size());
  MapInput<T> arguments[3];
  MapInput<Reference> arguments0[3];
  for (int i = 0; i < 3; ++i) {
    arguments[i] = {inputs[i].data(), 1};
    arguments0[i] = {inputs0[i].data(), 1};
  }
  std::vector<T> out(count);
  std::vector<Reference> out0(count);
  T* const outputs[] = {out.data()};
  Reference* const outputs0[] = {out0.data()};
  const std::string name = info(opcode).name;
  const cuda::Result result =
      cuda::map(MapArguments<T>{count, &program, arguments, outputs}, nullptr);
  if (!result.is_done()) return fail(name, result.text());
  reference_functions<Reference>().map(
      MapArguments<Reference>{count, &program, arguments0, outputs0}, kOneThread);
  for (int64_t i = 0; i < count; ++i) {
    if (is_close(out[i], out0[i])) continue;
    return fail(name, "of " + std::to_string(inputs0[0][i]) + ", " + std::to_string(inputs0[1][i]) +
                          " gives " + std::to_string(Numbers<T>::reference(out[i])) + ", not " +
                          std::to_string(out0[i]));
  }
}

// As many inputs, instructions, constants and outputs as a program can have.
template <typename T>
void test_longest_map() {
  using Reference = typename Numbers<T>::Reference;
  ++num_cases;
  const std::string name = "the longest map";
  std::string text = "blockhess 1 | map " + std::to_string(kMaxInputs) + ":";
  // Every register but the inputs' is written, and read by an output.
  for (int r = kMaxInputs; r < kMaxRegisters; ++r) {
    const std::string from = std::to_string(r - kMaxInputs);
    text += " r" + std::to_string(r) +
            (r % 3 == 0 ? " = constant 0." + from + ";" : " = neg r" + from + ";");
  }
  for (int i = kMaxRegisters - kMaxInputs; i < kMaxInstructions; ++i) {
    text += " r255 = add r255 r" + std::to_string(i % kMaxInputs) + ";";
  }
  text += " return";
  for (int r = 0; r < kMaxOutputs; ++r) text += " r" + std::to_string(r % kMaxRegisters);
  const Program program = read_map(text);
  constexpr int64_t kCount = 3;
  Memory<T> in(kMaxInputs, 0), out(kMaxOutputs * kCount, 0);
  std::vector<Reference> in0(kMaxInputs), out0(kMaxOutputs * kCount);
  std::vector<MapInput<T>> inputs;
  std::vector<MapInput<Reference>> inputs0;
  for (int i = 0; i < kMaxInputs; ++i) {
    in.get()[i] = Numbers<T>::from(0.125 * i);
    in0[i] = Numbers<T>::reference(in.get()[i]);
    inputs.push_back({in.get() + i, 0});
    inputs0.push_back({in0.data() + i, 0});
  }
  std::vector<T*> outputs;
  std::vector<Reference*> outputs0;
  for (int i = 0; i < kMaxOutputs; ++i) {
    outputs.push_back(out.get() + i * kCount);
    outputs0.push_back(out0.data() + i * kCount);
  }
  const cuda::Result result =
      cuda::map(MapArguments<T>{kCount, &program, inputs.data(), outputs.data()}, nullptr);
  if (!result.is_done()) return fail(name, result.text());
  reference_functions<Reference>().map(
      MapArguments<Reference>{kCount, &program, inputs0.data(), outputs0.data()}, kOneThread);
  compare(name, "output", out.get(), out0.data(), kMaxOutputs * kCount);
}

// Address space of which only the pages that are written take memory.
template <typename T>
class SparseMemory {
 public:
  explicit SparseMemory(int64_t count) : bytes_(count * sizeof(T)) {
    data_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  SparseMemory(const SparseMemory&) = delete;
  ~SparseMemory() {
    if (is_there()) munmap(data_, bytes_);
  }
  bool is_there() const { return data_ != MAP_FAILED; }
  T* get() const { return static_cast<T*>(data_); }

 private:
  size_t bytes_;
  void* data_;
};

// N K K passes 2^33; only the last thread blocks of the grid run, and write the last rows.
template <typename T>
void test_large(Layout layout) {
  ++num_cases;
  const std::string name =
      "the end of a large problem, layout " + std::to_string(static_cast<int>(layout));
  constexpr int64_t K = 3, N = (int64_t{1} << 31) + 7, kLast = 10;
  const auto terms =
      forward_parts(read_terms(std::string("blockhess 1 | phi ") + kWave + " | psi " + kGaussian,
                               TermKind::kForward),
                    {true, true, layout});
  const int64_t size = block_size(layout, K);
  const SparseMemory<T> x(N * K), a(N * K), b(N), value(N), gradient(N * K), hessian(N * size);
  if (!x.is_there() || !a.is_there() || !b.is_there() || !value.is_there() ||
      !gradient.is_there() || !hessian.is_there()) {
    return fail(name, "no address space");
  }
  // The same rows as a problem of their own.
  std::vector<T> small_x(kLast * K), small_a(kLast * K), small_b(kLast);
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (T& number : small_x) number = Numbers<T>::from(uniform(random));
  for (T& number : small_a) number = Numbers<T>::from(uniform(random));
  for (T& number : small_b) number = Numbers<T>::from(uniform(random));
  std::copy(small_x.begin(), small_x.end(), x.get() + (N - kLast) * K);
  std::copy(small_a.begin(), small_a.end(), a.get() + (N - kLast) * K);
  std::copy(small_b.begin(), small_b.end(), b.get() + (N - kLast));
  const auto run = [&](int64_t rows, const T* x_data, const T* a_data, const T* b_data, T* values,
                       T* gradients, T* blocks) {
    const BoundOperands<const T> operands(
        terms, operand_strides(terms, rows, K, {{rows, K}, {rows, 1}}), {a_data, b_data});
    const TermsArguments<T> arguments{rows,   K,      1,      terms.data(), operands.get(),
                                      x_data, layout, values, gradients,    blocks};
    const std::unique_ptr<unsigned char[]> workspace(
        new unsigned char[cuda::terms_workspace(arguments)]);
    return cuda::terms(arguments, workspace.get(), nullptr);
  };
  std::vector<T> small_value(kLast), small_gradient(kLast * K), small_hessian(kLast * size);
  // As many as there are tiles; of the last there are a few rows only.
  const int64_t tile_rows = cuda::kTileValues / K, tiles = (N + tile_rows - 1) / tile_rows;
  emulator::stretched_grid() = static_cast<unsigned>(tiles);
  const cuda::Result result =
      run(N, x.get(), a.get(), b.get(), value.get(), gradient.get(), hessian.get());
  emulator::stretched_grid() = 0;
  const cuda::Result small = run(kLast, small_x.data(), small_a.data(), small_b.data(),
                                 small_value.data(), small_gradient.data(), small_hessian.data());
  if (!result.is_done()) return fail(name, result.text());
  if (!small.is_done()) return fail(name, small.text());
  const auto same = [&](const T* end, const std::vector<T>& expected) {
    return std::memcmp(end - expected.size(), expected.data(), expected.size() * sizeof(T)) == 0;
  };
  if (!same(value.get() + N, small_value)) fail(name, "value");
  if (!same(gradient.get() + N * K, small_gradient)) fail(name, "gradient");
  if (!same(hessian.get() + N * size, small_hessian)) fail(name, "hessian");
}

// Operands of rows that lie 2^31 values apart, in both directions.
template <typename T>
void test_large_strides() {
  ++num_cases;
  const std::string name = "operands of rows far apart";
  constexpr int64_t N = 2, K = 3, kApart = int64_t{1} << 31;
  const Results results{true, true, Layout::kDense};
  std::vector<Case> forward = cases(TermKind::kForward), backward = cases(TermKind::kVjp);
  const auto of_rows = [](const Case& test) { return test.name == "all parts per row"; };
  const Case& test = *std::find_if(forward.begin(), forward.end(), of_rows);
  const Case& test_vjp = *std::find_if(backward.begin(), backward.end(), of_rows);
  const auto terms = forward_parts(read_terms(test.terms, TermKind::kForward), results);
  const VjpParts parts = vjp_parts(read_terms(test_vjp.terms, TermKind::kVjp), results,
                                   std::vector<bool>(test.operands.size() + 1, true));
  std::mt19937 random(5);
  std::vector<Shape> shapes;
  std::vector<std::unique_ptr<Pair<T>>> near;
  std::vector<std::unique_ptr<SparseMemory<T>>> far;
  std::vector<const T*> near_data, far_data;
  for (const std::string& kind : test.operands) {
    shapes.push_back(shape_of(kind, N, K));
    near.push_back(std::make_unique<Pair<T>>(num_elements(shapes.back()), 0, 1, random));
    near_data.push_back(near.back()->device.get());
  }
  const std::vector<Strides> near_strides = operand_strides(terms, N, K, shapes);
  std::vector<Strides> far_strides = near_strides;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const int64_t size = near_strides[i].row;
    if (size == 0) {
      far_data.push_back(near_data[i]);
      continue;
    }
    far.push_back(std::make_unique<SparseMemory<T>>(kApart + size));
    if (!far.back()->is_there()) return fail(name, "no address space");
    for (int64_t row = 0; row < N; ++row) {
      std::copy_n(near_data[i] + row * size, size, far.back()->get() + row * kApart);
    }
    far_data.push_back(far.back()->get());
    far_strides[i].row = kApart;
  }
  const Pair<T> x(N * K, 0, 1, random), V(N, 0, 1, random), G(N * K, 0, 1, random);
  const Pair<T> M(N * K * K, 0, 1, random);
  // All results of both directions.
  const auto run = [&](const std::vector<Strides>& strides, const std::vector<const T*>& data) {
    std::vector<std::vector<T>> out;
    const auto room = [&](int64_t count) { return out.emplace_back(count).data(); };
    const BoundOperands<const T> operands(terms, strides, data);
    T *const value = room(N), *const gradient = room(N * K), *const hessian = room(N * K * K);
    const TermsArguments<T> arguments{N,
                                      K,
                                      static_cast<int>(terms.size()),
                                      terms.data(),
                                      operands.get(),
                                      x.device.get(),
                                      results.layout,
                                      value,
                                      gradient,
                                      hessian};
    const std::unique_ptr<unsigned char[]> workspace(
        new unsigned char[cuda::terms_workspace(arguments)]);
    const cuda::Result done = cuda::terms(arguments, workspace.get(), nullptr);
    if (!done.is_done()) fail(name, done.text());
    std::vector<T*> bar_data;
    for (const Shape& shape : shapes) bar_data.push_back(room(num_elements(shape)));
    const BoundOperands<T> bars(parts.terms, near_strides, bar_data);
    const BoundOperands<const T> vjp_operands(parts.terms, strides, data);
    auto vjp = vjp_arguments<T>(parts, results.layout, N, K, vjp_operands, bars);
    vjp.x = x.device.get();
    vjp.value_cotangent = V.device.get();
    vjp.gradient_cotangent = G.device.get();
    vjp.hessian_cotangent = M.device.get();
    vjp.x_bar = room(N * K);
    const std::unique_ptr<unsigned char[]> vjp_workspace(
        new unsigned char[cuda::terms_vjp_workspace(vjp)]);
    const cuda::Result vjp_done = cuda::terms_vjp(vjp, vjp_workspace.get(), nullptr);
    if (!vjp_done.is_done()) fail(name, vjp_done.text());
    return out;
  };
  const auto result = run(far_strides, far_data), expected = run(near_strides, near_data);
  for (size_t i = 0; i < result.size(); ++i) {
    if (std::memcmp(result[i].data(), expected[i].data(), result[i].size() * sizeof(T)) != 0) {
      fail(name, "result " + std::to_string(i));
    }
  }
}

// The cotangent of the last of more than 2^31 blocks: a shard of so many would take days to run.
template <typename T>
void test_large_cotangent(Layout layout) {
  ++num_cases;
  const std::string name =
      "the last of many cotangents, layout " + std::to_string(static_cast<int>(layout));
  constexpr int64_t K = 3, N = (int64_t{1} << 31) + 7;
  const int64_t size = block_size(layout, K);
  const SparseMemory<T> M(N * size);
  if (!M.is_there()) return fail(name, "no address space");
  for (int64_t i = 0; i < size; ++i) {
    M.get()[(N - 1) * size + i] = Numbers<T>::from(static_cast<double>(i + 1));
  }
  // Entry (i, j) of the symmetric part, where those of a block are 1, 2, ...
  const double dense[K][K] = {{1, 3, 5}, {3, 5, 7}, {5, 7, 9}};
  const double packed[K][K] = {{1, 1, 1.5}, {1, 4, 2.5}, {1.5, 2.5, 6}};
  const double diagonal[K][K] = {{1, 0, 0}, {0, 2, 0}, {0, 0, 3}};
  const double trace[K][K] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  const auto& expected = layout == Layout::kDense    ? dense
                         : layout == Layout::kPacked ? packed
                         : layout == Layout::kTrace  ? trace
                                                     : diagonal;
  const cuda::Cotangent<T> last(M.get(), layout, K, N - 1);
  for (int row = 0; row < K; ++row) {
    for (int column = 0; column < K; ++column) {
      if (last.symmetric(last.find(row, column)) != expected[row][column]) fail(name, "an entry");
    }
  }
}

// The nearest number of the type to `value`, ties to even, found by search among all of them.
template <typename H, typename FromFloat>
void test_conversions(const std::string& name, FromFloat from_float, uint16_t infinity) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    ++num_cases;
    const H half{static_cast<uint16_t>(bits)};
    const float value = to_float(half);
    const uint16_t magnitude = bits & 0x7fff;
    const uint16_t back = from_float(value).bits;
    if (magnitude > infinity) {
      if (!std::isnan(value)) fail(name, "NaN is read as a number");
      if ((back & 0x7fff) <= infinity || (back ^ bits) & 0x8000) fail(name, "NaN is not kept");
      continue;
    }
    if (back != bits) fail(name, "does not come back: " + std::to_string(bits));
    if (magnitude == infinity) {
      if (!std::isinf(value)) fail(name, "infinity");
      continue;
    }
    // What it stands for, from the parts.
    const int fraction_bits = sizeof(H) == 2 && infinity == 0x7c00 ? 10 : 7;
    const int bias = fraction_bits == 10 ? 15 : 127, exponent = magnitude >> fraction_bits;
    const int fraction = magnitude & ((1 << fraction_bits) - 1);
    const double expected = exponent == 0 ? std::ldexp(fraction, 1 - bias - fraction_bits)
                                          : std::ldexp((1 << fraction_bits) + fraction,
                                                       exponent - bias - fraction_bits);
    if (std::abs(double{value}) != expected) fail(name, "wrong value of " + std::to_string(bits));
    // Halfway to the next magnitude, which may be infinity; and the floats beside it.
    const double next =
        exponent == 0 && fraction + 1 < (1 << fraction_bits)
            ? std::ldexp(fraction + 1, 1 - bias - fraction_bits)
            : expected + std::ldexp(1.0, std::max(exponent, 1) - bias - fraction_bits);
    const double sign = bits & 0x8000 ? -1 : 1;
    const double middle = (expected + next) / 2;
    const float tie = static_cast<float>(sign * middle);
    const uint16_t even = bits % 2 == 0 ? bits : bits + 1;
    if (double{tie} == sign * middle) {
      if (from_float(tie).bits != even) fail(name, "tie after " + std::to_string(bits));
      const float below = std::nextafter(tie, 0.0f), above = std::nextafter(tie, tie * 2);
      if (from_float(below).bits != bits) fail(name, "below the tie after " + std::to_string(bits));
      if (above != tie && from_float(above).bits != bits + 1) {
        fail(name, "above the tie after " + std::to_string(bits));
      }
    }
  }
  const float largest = std::numeric_limits<float>::max();
  if (from_float(largest).bits != infinity) fail(name, "the largest float");
  if (from_float(-largest).bits != (infinity | 0x8000)) fail(name, "the least float");
  if (from_float(std::numeric_limits<float>::denorm_min()).bits != 0) fail(name, "the smallest");
}

template <typename T>
void run_function(const std::string& function) {
  if (function == "terms") test_all_terms<T>();
  if (function == "terms_vjp") test_all_vjps<T>();
  if (function == "map") {
    test_map<T>();
    test_longest_map<T>();
    for (int i = 0; i < kNumOpcodes; ++i) test_instruction<T>(static_cast<Opcode>(i));
  }
  if (function == "wide") test_wide<T>();
  if (function == "large") {
    for (const Layout layout : block_layouts()) {
      test_large<T>(layout);
      test_large_cotangent<T>(layout);
    }
    test_large_strides<T>();
  }
}

}  // namespace
}  // namespace blockhess

int main(int count, char** words) {
  const auto word = [&](int i) { return std::string(i < count ? words[i] : ""); };
  const std::string function = word(1), type = word(2);
  if (word(3) == "missing_barrier") emulator::missing_barrier() = std::stoul(word(4));
  blockhess::hessians_are_short = word(3) == "short_hessians";
  if (type == "float") blockhess::run_function<float>(function);
  if (type == "double") blockhess::run_function<double>(function);
  if (type == "half") blockhess::run_function<blockhess::Half>(function);
  if (type == "bfloat16") blockhess::run_function<blockhess::BFloat16>(function);
  if (function == "half") {
    blockhess::test_conversions<blockhess::Half>("Half", blockhess::to_half, 0x7c00);
    blockhess::test_conversions<blockhess::BFloat16>("BFloat16", blockhess::to_bfloat16, 0x7f80);
  }
  std::printf("%d cases, %d failures\n", blockhess::num_cases, blockhess::num_failures);
  return blockhess::num_cases == 0 || blockhess::num_failures > 0;
}
