// Small dense matrices and vectors in cache: symmetrise, symmetric product, sums. Kfixed is K where
// it is known at compile time, or 0.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

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
    for_packs<T>(0, Kfixed, [&](auto v, int64_t k) {
      using V = decltype(v);
      V sum(T(0));
      for (int row = 0; row < Kfixed; ++row) {
        sum = multiply_add(V(x[row]), V::load_unaligned(S + row * Kfixed + k), sum);
      }
      sum.store_unaligned(y + k);
    });
  } else {
    std::fill_n(y, K, T(0));
    int64_t row = 0;
    // Four rows a sweep: y is loaded and stored a quarter as often.
    for (; row + 4 <= K; row += 4) {
      for_packs<T>(0, K, [&](auto v, int64_t k) {
        using V = decltype(v);
        V sum = V::load_unaligned(y + k);
        for (int next = 0; next < 4; ++next) {
          sum = multiply_add(V(x[row + next]), V::load_unaligned(S + (row + next) * K + k), sum);
        }
        sum.store_unaligned(y + k);
      });
    }
    for (; row < K; ++row) {
      for_packs<T>(0, K, [&](auto v, int64_t k) {
        using V = decltype(v);
        multiply_add(V(x[row]), V::load_unaligned(S + row * K + k), V::load_unaligned(y + k))
            .store_unaligned(y + k);
      });
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

// Sums are taken in as many parts as a pack has lanes: fast, and more accurate than one running sum.
template <int Kfixed, typename T>
inline T sum(const T* __restrict a, int64_t K) {
  using V = Pack<T>;
  K = size_of<Kfixed>(K);
  T total(0);
  const int64_t whole = K / V::kSize * V::kSize;
  if (whole > 0) {
    V partial(T(0));
    for (int64_t k = 0; k < whole; k += V::kSize) partial = partial + V::load_unaligned(a + k);
    total = blockhess::sum(partial);
  }
  for_packs<T>(whole, K, [&](auto v, int64_t k) {
    total += blockhess::sum(decltype(v)::load_unaligned(a + k));
  });
  return total;
}

template <int Kfixed, typename T>
inline T dot(const T* __restrict a, const T* __restrict b, int64_t K) {
  using V = Pack<T>;
  K = size_of<Kfixed>(K);
  T total(0);
  const int64_t whole = K / V::kSize * V::kSize;
  if (whole > 0) {
    V partial(T(0));
    for (int64_t k = 0; k < whole; k += V::kSize) {
      partial = multiply_add(V::load_unaligned(a + k), V::load_unaligned(b + k), partial);
    }
    total = blockhess::sum(partial);
  }
  for_packs<T>(whole, K, [&](auto v, int64_t k) {
    using Tail = decltype(v);
    total += blockhess::sum(Tail::load_unaligned(a + k) * Tail::load_unaligned(b + k));
  });
  return total;
}

}  // namespace blockhess::cpu
