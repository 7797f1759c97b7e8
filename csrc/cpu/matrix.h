// Small dense matrices and vectors in cache: products and sums. Kfixed is K where
// it is known at compile time, or 0.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

// Rows of a large matrix that are visited together: as many as the first-level translation buffer
// has pages for, when each row is in a page of its own.
inline constexpr int64_t kMatrixRows = 32;

// Up to here a product with a matrix is one sum after the other.
inline constexpr int64_t kFewRows = 16;

struct Columns {
  int64_t first, last;
};

// y += the sum of x[row] times row of S, for a few rows. Four sums, so that an addition does not
// wait for the one before.
template <typename T>
inline void add_rows(const T* __restrict S, const T* __restrict x, int64_t rows, int64_t K,
                     T* __restrict y) {
  for_packs<T>(0, K, [&](auto v, int64_t k) {
    using V = decltype(v);
    V sum0 = V::load_unaligned(y + k), sum1(T(0)), sum2(T(0)), sum3(T(0));
    const T* entry = S + k;
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4, entry += 4 * K) {
      sum0 = multiply_add(V(x[row]), V::load_unaligned(entry), sum0);
      sum1 = multiply_add(V(x[row + 1]), V::load_unaligned(entry + K), sum1);
      sum2 = multiply_add(V(x[row + 2]), V::load_unaligned(entry + 2 * K), sum2);
      sum3 = multiply_add(V(x[row + 3]), V::load_unaligned(entry + 3 * K), sum3);
    }
    for (; row < rows; ++row, entry += K) {
      sum0 = multiply_add(V(x[row]), V::load_unaligned(entry), sum0);
    }
    ((sum0 + sum1) + (sum2 + sum3)).store_unaligned(y + k);
  });
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
  } else if (K <= kFewRows) {
    // As for a K that is known, and as shared_product adds.
    for_packs<T>(0, K, [&](auto v, int64_t k) {
      using V = decltype(v);
      V sum(T(0));
      for (int64_t row = 0; row < K; ++row) {
        sum = multiply_add(V(x[row]), V::load_unaligned(S + row * K + k), sum);
      }
      sum.store_unaligned(y + k);
    });
  } else {
    std::fill_n(y, K, T(0));
    for (int64_t row = 0; row < K; row += kMatrixRows) {
      add_rows(S + row * K, x + row, std::min(kMatrixRows, K - row), K, y);
    }
  }
}

// y += X S for a few rows of S and kRows rows of X: each pack of S is loaded once for all of them.
// The order of the additions is the same for every kRows, so a row's result does not depend on the
// tile that it falls into.
template <int kRows, typename T>
inline void add_shared_rows(const T* __restrict S, const T* __restrict x, int64_t S_rows, int64_t K,
                            Columns columns, T* __restrict y) {
  for_packs<T>(columns.first, columns.last, [&](auto v, int64_t k) {
    using V = decltype(v);
    V sums[kRows];
    for (int i = 0; i < kRows; ++i) sums[i] = V::load_unaligned(y + i * K + k);
    for (int64_t row = 0; row < S_rows; ++row) {
      const V entries = V::load_unaligned(S + row * K + k);
      for (int i = 0; i < kRows; ++i) sums[i] = multiply_add(V(x[i * K + row]), entries, sums[i]);
    }
    for (int i = 0; i < kRows; ++i) sums[i].store_unaligned(y + i * K + k);
  });
}

// Some columns of Y = X S, for rows of X and a symmetric S that they share.
template <typename T>
inline void shared_product(const T* S, const T* x, int64_t rows, int64_t K, Columns columns, T* y) {
  constexpr int64_t kGroup = 8;
  for (int64_t i = 0; i < rows; ++i) {
    std::fill(y + i * K + columns.first, y + i * K + columns.last, T(0));
  }
  for (int64_t row = 0; row < K; row += kMatrixRows) {
    const int64_t S_rows = std::min(kMatrixRows, K - row);
    const T* const S_row = S + row * K;
    int64_t i = 0;
    for (; i + kGroup <= rows; i += kGroup) {
      add_shared_rows<kGroup>(S_row, x + i * K + row, S_rows, K, columns, y + i * K);
    }
    for (; i < rows; ++i) {
      add_shared_rows<1>(S_row, x + i * K + row, S_rows, K, columns, y + i * K);
    }
  }
}

// y_i = S_i x_i for the rows of a tile, the matrices S_stride values apart.
template <typename T>
struct RowProducts {
  template <int Kfixed>
  struct Sized {
    static void run(const T* S, int64_t S_stride, const T* x, int64_t rows, int64_t K, T* y) {
      if (Kfixed == 0 && S_stride == 0) return shared_product(S, x, rows, K, {0, K}, y);
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) {
        symmetric_product<Kfixed>(S + i * S_stride, x + i * K, K, y + i * K);
      }
    }
  };
};

// Sums are taken in as many parts as a pack has lanes: fast, and more accurate than one running
// sum.
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

// (rows, K): the diagonals of matrices S_stride values apart, of one matrix where that is 0.
template <typename T>
inline void copy_diagonals(const T* S, int64_t S_stride, int64_t rows, int64_t K, T* out) {
  for (int64_t i = 0; i < rows; ++i) {
    if (i > 0 && S_stride == 0) {
      std::copy_n(out, K, out + i * K);
    } else {
      for (int64_t k = 0; k < K; ++k) out[i * K + k] = S[i * S_stride + k * K + k];
    }
  }
}

template <typename T>
inline T trace(const T* matrix, int64_t K) {
  T total(0);
  for (int64_t k = 0; k < K; ++k) total += matrix[k * K + k];
  return total;
}

}  // namespace blockhess::cpu
