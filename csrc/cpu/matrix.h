// Small dense matrices and vectors in cache: symmetrise, symmetric product, sums. Kfixed is K where
// it is known at compile time, or 0.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

// The runtime K, or the compile-time constant that it equals.
template <int Kfixed>
inline int64_t size_of(int64_t K) {
  return Kfixed > 0 ? Kfixed : K;
}

// symmetric = (matrix + matrix') / 2, in square tiles so that the transposed reads stay in cache.
template <typename T>
inline void symmetrise(const T* __restrict matrix, int64_t K, T* __restrict symmetric) {
  constexpr int64_t kTile = 16;
  for (int64_t row0 = 0; row0 < K; row0 += kTile) {
    for (int64_t column0 = 0; column0 <= row0; column0 += kTile) {
      for (int64_t row = row0; row < std::min(row0 + kTile, K); ++row) {
        for (int64_t column = column0; column < std::min(column0 + kTile, row + 1); ++column) {
          // Halves before the sum: two huge entries must not overflow.
          const T entry = T(0.5) * matrix[row * K + column] + T(0.5) * matrix[column * K + row];
          symmetric[row * K + column] = entry;
          symmetric[column * K + row] = entry;
        }
      }
    }
  }
}

// y = S x for a symmetric S, as a sum of its rows.
template <int Kfixed, typename T>
inline void symmetric_product(const T* __restrict S, const T* __restrict x, int64_t K,
                              T* __restrict y) {
  if constexpr (Kfixed > 0) {
    T sum[Kfixed] = {};
    for (int row = 0; row < Kfixed; ++row) {
      for (int k = 0; k < Kfixed; ++k) sum[k] += x[row] * S[row * Kfixed + k];
    }
    std::copy(sum, sum + Kfixed, y);
  } else {
    std::fill_n(y, K, T(0));
    int64_t row = 0;
    // Four rows a sweep: y is loaded and stored a quarter as often.
    for (; row + 4 <= K; row += 4) {
      const T* const S0 = S + row * K;
      const T* const S1 = S0 + K;
      const T* const S2 = S1 + K;
      const T* const S3 = S2 + K;
      const T x0 = x[row], x1 = x[row + 1], x2 = x[row + 2], x3 = x[row + 3];
      for (int64_t k = 0; k < K; ++k) {
        y[k] += (x0 * S0[k] + x1 * S1[k]) + (x2 * S2[k] + x3 * S3[k]);
      }
    }
    for (; row < K; ++row) {
      for (int64_t k = 0; k < K; ++k) y[k] += x[row] * S[row * K + k];
    }
  }
}

// y_i = S_i x_i for the rows of a tile, the matrices S_stride values apart.
template <typename T>
struct RowProducts {
  template <int Kfixed>
  struct Sized {
    static void run(const T* S, int64_t S_stride, const T* x, int64_t rows, int64_t K, T* y) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) {
        symmetric_product<Kfixed>(S + i * S_stride, x + i * K, K, y + i * K);
      }
    }
  };
};

// In as many partial sums as a pack has lanes: fast, and more accurate than one running sum.
template <int Kfixed, typename T>
inline T sum(const T* __restrict a, int64_t K) {
  using V = Pack<T>;
  K = size_of<Kfixed>(K);
  T total(0);
  int64_t k = 0;
  if (K >= V::kSize) {
    V partial(T(0));
    for (; k + V::kSize <= K; k += V::kSize) partial = partial + V::load_unaligned(a + k);
    total = blockhess::sum(partial);
  }
  for (; k < K; ++k) total += a[k];
  return total;
}

template <int Kfixed, typename T>
inline T dot(const T* __restrict a, const T* __restrict b, int64_t K) {
  using V = Pack<T>;
  K = size_of<Kfixed>(K);
  T total(0);
  int64_t k = 0;
  if (K >= V::kSize) {
    V partial(T(0));
    for (; k + V::kSize <= K; k += V::kSize) {
      partial = multiply_add(V::load_unaligned(a + k), V::load_unaligned(b + k), partial);
    }
    total = blockhess::sum(partial);
  }
  for (; k < K; ++k) total += a[k] * b[k];
  return total;
}

}  // namespace blockhess::cpu
