// Solves (H + E) p = b for a symmetric H by the modified Cholesky factorisation of Gill, Murray and
// Wright, Practical Optimization (1981), section 4.4.2.2, without pivoting:
//
//   H + E = L diag(d) L',   L unit lower triangular, E diagonal, E >= 0, d > 0
//   d_j     = max(|c_jj|, (theta_j / beta)^2, delta),   theta_j = max over k > j of |c_jk|
//   beta^2  = 3/2 max(gamma, xi / max(1, sqrt(K^2 - 1))),   delta = eps (gamma + xi)
//
// where c is what elimination of the columns before j leaves, gamma the largest magnitude on the
// diagonal of H and xi the largest off it. d_j = c_jj, and E = 0, where H is positive definite
// by more than rounding.
//
// The book's beta^2 has no 3/2, but interchanges bring gamma to the front. Without them it leaves a
// pivot of zero, and so a p that is 1 / eps times too long, wherever the bound on theta holds and
// gamma is on the diagonal of a later column: for one in twenty random H of order 2. The book's
// delta is eps max(gamma + xi, 1), and its beta^2 at least eps: sizes that would modify a positive
// definite H of small entries. Without them, p is the same for f and for any positive multiple of
// f. Zeros alone have no size of their own: they count as the identity.
//
// H comes as its entries, or as D + c u u' with a diagonal D. The latter takes O(K) operations:
// what elimination leaves is of the same form, and
//
//   c_jk = c u_j u_k,   c becomes c (D_j + E_j) / d_j                (Gill, Golub, Murray and
//   Saunders, Methods for modifying matrix factorizations, 1974).
//
// For c and D positive nothing cancels.
//
// V is a scalar or a vector of them, one row of x in each lane.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "csrc/core/host_device.h"
#include "csrc/core/scalar_math.h"

namespace blockhess {

template <typename V>
BLOCKHESS_HOST_DEVICE inline V larger(V a, V b) {
  return where(a < b, b, a);
}
template <typename V>
BLOCKHESS_HOST_DEVICE inline V smaller(V a, V b) {
  return where(a < b, a, b);
}

// The largest magnitude, in four parts, so that a comparison does not wait for the one before.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V largest(const V* values, int64_t count) {
  V parts[4] = {V(0), V(0), V(0), V(0)};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int p = 0; p < 4; ++p) parts[p] = larger(parts[p], abs(values[i + p]));
  }
  for (; i < count; ++i) parts[0] = larger(parts[0], abs(values[i]));
  return larger(larger(parts[0], parts[1]), larger(parts[2], parts[3]));
}

// Zero, or NaN where a value is not finite.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V defect_of(const V* values, int64_t count) {
  V parts[4] = {V(0), V(0), V(0), V(0)};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int p = 0; p < 4; ++p) parts[p] = multiply_add(V(0), values[i + p], parts[p]);
  }
  for (; i < count; ++i) parts[0] = multiply_add(V(0), values[i], parts[0]);
  return (parts[0] + parts[1]) + (parts[2] + parts[3]);
}

// The magnitudes of the entries of H.
template <typename V>
struct Magnitudes {
  V gamma{V(0)}, xi{V(0)};
  V defect{V(0)};  // NaN where an entry is not finite, else zero

  BLOCKHESS_HOST_DEVICE void add_diagonal(V entry) {
    gamma = larger(gamma, abs(entry));
    defect = defect + V(0) * entry;
  }
  BLOCKHESS_HOST_DEVICE void add_beside(const V* entries, int64_t count) {
    xi = larger(xi, largest(entries, count));
    defect = defect + defect_of(entries, count);
  }
};

// The pivots d_j, by the formula above, or as they are. T is the type of a lane of V.
template <typename T, typename V>
class Pivots {
 public:
  BLOCKHESS_HOST_DEVICE Pivots(const Magnitudes<V>& of_H, int64_t K, bool are_modified)
      : are_modified_(are_modified) {
    constexpr T kEps = std::numeric_limits<T>::epsilon(), kLeast = std::numeric_limits<T>::min();
    const T order = static_cast<T>(K), root = K > 1 ? std::sqrt(order * order - 1) : T(1);
    const V size = of_H.gamma + of_H.xi;
    const V beta_squared = V(T(1.5)) * larger(of_H.gamma, of_H.xi * V(1 / root));
    inverse_beta_ = V(1) / sqrt(where(size > V(0), larger(beta_squared, V(kLeast)), V(1)));
    delta_ = where(size > V(0), larger(V(kEps) * size, V(kLeast)), V(1));
  }

  BLOCKHESS_HOST_DEVICE bool are_modified() const { return are_modified_; }

  // The pivot d_j.
  BLOCKHESS_HOST_DEVICE V operator()(V c_jj, V theta) const {
    if (!are_modified_) return c_jj;
    const V ratio = theta * inverse_beta_;
    return larger(larger(abs(c_jj), ratio * ratio), delta_);
  }

 private:
  bool are_modified_;
  V inverse_beta_, delta_;
};

// Adds multiples of the kAbove rows `above` to the kRows `rows`, from column `first` on; row r
// takes scale[s kRows + r] of row s. What is loaded of a row above serves all of them.
template <int kAbove, int kRows, typename V>
BLOCKHESS_HOST_DEVICE inline void add_rows_above(const V* scale, const V* __restrict above,
                                                 int64_t first, int64_t K, V* __restrict rows) {
  for (int64_t k = first; k < K; ++k) {
    V sums[kRows];
    for (int r = 0; r < kRows; ++r) sums[r] = rows[r * K + k];
    for (int s = 0; s < kAbove; ++s) {
      const V entry = above[s * K + k];
      for (int r = 0; r < kRows; ++r) sums[r] = multiply_add(scale[s * kRows + r], entry, sums[r]);
    }
    for (int r = 0; r < kRows; ++r) rows[r * K + k] = sums[r];
  }
}

// Does what `factorise` does, for rows [first, first + kRows).
template <int kRows, typename T, typename V>
BLOCKHESS_HOST_DEVICE inline void factorise_rows(const Pivots<T, V>& pivots, int64_t first,
                                                 int64_t K, V* C, V* d, V* inverse_d, V* scaled) {
  for (int64_t s = 0; s < first; ++s) {
    for (int r = 0; r < kRows; ++r) {
      scaled[s * kRows + r] = -(C[s * K + first + r] * inverse_d[s]);
    }
  }
  constexpr int kAbove = 4;
  V* const rows = C + first * K;
  int64_t s = 0;
  for (; s + kAbove <= first; s += kAbove) {
    add_rows_above<kAbove, kRows>(scaled + s * kRows, C + s * K, first, K, rows);
  }
  for (; s < first; ++s) add_rows_above<1, kRows>(scaled + s * kRows, C + s * K, first, K, rows);
  for (int64_t j = first; j < first + kRows; ++j) {
    V* const row = C + j * K;
    for (s = first; s < j; ++s) {
      const V scale = -(C[s * K + j] * inverse_d[s]);
      add_rows_above<1, 1>(&scale, C + s * K, j, K, row);
    }
    const V theta = pivots.are_modified() ? largest(row + j + 1, K - j - 1) : V(0);
    d[j] = pivots(row[j], theta);
    inverse_d[j] = V(1) / d[j];
  }
}

inline constexpr int kRowsTogether = 4;

// Factorises the matrix whose entry (j, k), k >= j, is C[j K + k]; c_jk takes its place, and what
// is below the diagonal is not used. `scaled` has room for K kRowsTogether values.
template <typename T, typename V>
BLOCKHESS_HOST_DEVICE inline void factorise(const Pivots<T, V>& pivots, int64_t K, V* C, V* d,
                                            V* inverse_d, V* scaled) {
  int64_t j = 0;
  for (; j + kRowsTogether <= K; j += kRowsTogether) {
    factorise_rows<kRowsTogether>(pivots, j, K, C, d, inverse_d, scaled);
  }
  for (; j < K; ++j) factorise_rows<1>(pivots, j, K, C, d, inverse_d, scaled);
}

// p, which holds b, becomes the solution.
template <typename V>
BLOCKHESS_HOST_DEVICE inline void substitute(const V* C, const V* inverse_d, int64_t K, V* p) {
  for (int64_t j = 0; j < K; ++j) {
    const V* const row = C + j * K;
    p[j] = p[j] * inverse_d[j];
    const V minus = -p[j];
    for (int64_t k = j + 1; k < K; ++k) p[k] = multiply_add(minus, row[k], p[k]);
  }
  for (int64_t j = K - 1; j >= 0; --j) {
    const V* const row = C + j * K;
    V sum0(0), sum1(0);
    int64_t k = j + 1;
    for (; k + 2 <= K; k += 2) {
      sum0 = multiply_add(row[k], p[k], sum0);
      sum1 = multiply_add(row[k + 1], p[k + 1], sum1);
    }
    if (k < K) sum0 = multiply_add(row[k], p[k], sum0);
    p[j] = multiply_add(-inverse_d[j], sum0 + sum1, p[j]);
  }
}

// The magnitudes of D + c u u'; later[j] becomes the largest |u_k| of k > j.
template <typename V>
BLOCKHESS_HOST_DEVICE inline Magnitudes<V> magnitudes(const V* D, V c, const V* u, int64_t K,
                                                      V* later) {
  Magnitudes<V> result;
  V first(0), second(0);
  for (int64_t j = K - 1; j >= 0; --j) {
    later[j] = first;
    const V magnitude = abs(u[j]);
    second = larger(second, smaller(first, magnitude));
    first = larger(first, magnitude);
    result.add_diagonal(D[j] + c * (u[j] * u[j]));
  }
  const V most = c * (first * second);
  result.add_beside(&most, 1);
  return result;
}

// Factorises D + c u u' and solves; p, which holds b, becomes the solution. `scaled` has room for K
// values.
template <typename T, typename V>
BLOCKHESS_HOST_DEVICE inline void solve_rank_one(const Pivots<T, V>& pivots, const V* D, V c,
                                                 const V* u, const V* later, int64_t K, V* d,
                                                 V* scaled, V* p) {
  V sum(0);
  for (int64_t j = 0; j < K; ++j) {
    const V c_u = c * u[j], c_jj = multiply_add(c_u, u[j], D[j]);
    d[j] = pivots(c_jj, abs(c_u) * later[j]);
    const V inverse = V(1) / d[j];
    scaled[j] = c_u * inverse;
    c = c * ((D[j] + (d[j] - c_jj)) * inverse);
    const V y = multiply_add(-u[j], sum, p[j]);
    sum = multiply_add(scaled[j], y, sum);
    p[j] = y * inverse;
  }
  sum = V(0);
  for (int64_t j = K - 1; j >= 0; --j) {
    p[j] = multiply_add(-scaled[j], sum, p[j]);
    sum = multiply_add(u[j], p[j], sum);
  }
}

}  // namespace blockhess
