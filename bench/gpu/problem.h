// One call of the forward pass and of its vector-Jacobian product for a case of cases.h: the
// arguments that a backend takes, for arrays of the host or of the GPU.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/gpu/cases.h"
#include "csrc/core/arguments.h"
#include "csrc/core/needs.h"
#include "csrc/core/term.h"

namespace blockhess::bench {

// The inputs of a case, the same for every backend: x, S (positive definite, x'Sx near 1) and the
// cotangent of the blocks.
template <typename T>
struct Inputs {
  int64_t N, K;
  std::vector<T> x, S, M;

  Inputs(int64_t rows, int64_t columns, Layout layout) : N(rows), K(columns) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    const auto fill = [&](std::vector<T>& values, int64_t count) {
      values.resize(count);
      for (T& value : values) value = static_cast<T>(normal(random));
    };
    fill(x, N * K);
    fill(M, N * block_size(layout, K));
    S.resize(K * K);
    for (int64_t row = 0; row < K; ++row) {
      for (int64_t k = 0; k < K; ++k) S[row * K + k] = T((row == k ? 1.0 : 0.1 / K) / K);
    }
  }
};

template <typename T>
struct Arrays {
  const T *x, *S, *M;
  T *value, *gradient, *hessian, *x_bar;
};

// Keeps what the argument structs point to.
template <typename T>
class Problem {
 public:
  Problem(const Case& a_case, int64_t N, int64_t K, Layout layout, const Results& wanted,
          const Arrays<T>& arrays)
      : terms_(forward_parts(read_terms(a_case.forward, TermKind::kForward), wanted)),
        operands_{nullptr, {a_case.has_S ? arrays.S : nullptr, 0}, {nullptr, 0}, nullptr},
        bars_{nullptr, {nullptr, 0}, {nullptr, 0}, nullptr} {
    std::vector<bool> of_x(a_case.has_S ? 2 : 1, false);
    of_x[0] = true;
    vjp_ = vjp_parts(read_terms(a_case.vjp, TermKind::kVjp), {false, false, layout}, of_x);
    forward.N = backward.N = N;
    forward.K = backward.K = K;
    forward.num_terms = backward.num_terms = 1;
    forward.terms = terms_.data();
    backward.terms = vjp_.terms.data();
    backward.steps = vjp_.steps.data();
    forward.operands = backward.operands = &operands_;
    forward.x = backward.x = arrays.x;
    forward.layout = wanted.layout;
    backward.layout = layout;
    forward.value = wanted.value ? arrays.value : nullptr;
    forward.gradient = wanted.gradient ? arrays.gradient : nullptr;
    forward.hessian = wanted.hessian() ? arrays.hessian : nullptr;
    backward.hessian_cotangent = arrays.M;
    backward.x_bar = arrays.x_bar;
    backward.operand_bars = &bars_;
  }
  Problem(const Problem&) = delete;

  TermsArguments<T> forward{};
  TermsVjpArguments<T> backward{};

 private:
  std::vector<Term> terms_;
  VjpParts vjp_;
  Operands<const T> operands_;
  Operands<T> bars_;
};

}  // namespace blockhess::bench
