// One walk over a block M of the Hessian cotangent, which reads each entry once, for the products
//
//   sym(M) u = (M u + M' u) / 2   and   <M, S>
//
// with a symmetric S. Row r of M gives an entry of M u, and u_r times it is a part of M' u; the
// symmetric part is never formed. In the packed layout only the upper triangle is there, each entry
// off the diagonal standing for two, and the same walk from the diagonal on gives the same
// products.
//
// The columns are cut into packs; the last pack ends at the last column, and its lanes that the
// pack before has too count as zero.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/core/layout.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/lanes.h"

namespace blockhess::cpu {

// The walk reads rows to the last column.
template <Layout layout>
inline constexpr bool kIsServed = layout == Layout::kDense || layout == Layout::kPacked;

// Where the last pack of a row begins to be new.
inline constexpr int64_t last_pack(int64_t K, int64_t pack_size) {
  return (K - 1) / pack_size * pack_size;
}

// For a K that is known: all results stay in registers.
template <typename T, int K, Layout layout, bool has_S>
struct FixedBlockProducts {
  static_assert(kIsServed<layout>);
  using V = typename WidestPack<T, K>::type;
  static constexpr int kSize = V::kSize;
  static constexpr int kPacks = (K + kSize - 1) / kSize;

  static constexpr int column(int pack) { return std::min(pack * kSize, K - kSize); }

  // Writes K values of M_u, and returns <M, S>.
  static T run(const T* __restrict M, const T* __restrict S, const T* __restrict u,
               T* __restrict M_u) {
    V half_u[kPacks], by_columns[kPacks], by_rows[K], inner(T(0));
#pragma GCC unroll 16
    for (int j = 0; j < kPacks; ++j) {
      half_u[j] = V(T(0.5)) * V::load_unaligned(u + column(j));
      by_columns[j] = V(T(0));
    }
#pragma GCC unroll 16
    for (int row = 0; row < K; ++row) {
      const T* const M_row = M + row_offset(layout, K, row);
      const V half_u_row(T(0.5) * u[row]);
      by_rows[row] = V(T(0));
      const int first = is_upper(layout) ? row / kSize : 0;
#pragma GCC unroll 16
      for (int j = first; j < kPacks; ++j) {
        V entries = V::load_unaligned(M_row + column(j));
        const int begin = std::max(is_upper(layout) ? row : 0, j * kSize);
        if (begin > column(j)) entries = keep_from(entries, begin - column(j));
        by_columns[j] = multiply_add(half_u_row, entries, by_columns[j]);
        by_rows[row] = multiply_add(entries, half_u[j], by_rows[row]);
        if (has_S) {
          inner = multiply_add(entries, V::load_unaligned(S + row * K + column(j)), inner);
        }
      }
    }
    store(by_columns, by_rows, M_u);
    return has_S ? sum(inner) : T(0);
  }

 private:
  // From the last pack to the first, so that the lanes that two have are the first's.
  static void store(const V* by_columns, const V* by_rows, T* M_u) {
#pragma GCC unroll 16
    for (int j = kPacks - 1; j >= 0; --j) {
      V sums[kSize];
#pragma GCC unroll 16
      for (int i = 0; i < kSize; ++i) sums[i] = by_rows[column(j) + i];
      sum_each<kSize>(sums);
      (by_columns[j] + sums[0]).store_unaligned(M_u + column(j));
    }
  }
};

// For any K, in packs of V or, where K has not so many columns, narrower ones.
template <typename T, Layout layout, bool has_S, typename V = Pack<T>>
class BlockProducts {
  static_assert(kIsServed<layout>);
  static constexpr int kSize = V::kSize;

 public:
  // `work` has room for 3 K values and two packs.
  static T run(const T* M, const T* S, const T* u, int64_t K, T* work, T* M_u) {
    if constexpr (kSize > 1) {
      using Next = Pack<T, Narrower<T, typename V::Packet>>;
      if (K < kSize) return BlockProducts<T, layout, has_S, Next>::run(M, S, u, K, work, M_u);
    }
    // As many rows at once as their columns of a packed block fall into the same pack.
    constexpr int kRows = std::min(4, kSize);
    BlockProducts walk(M, S, u, K, work);
    int64_t row = 0;
    for (; row + kRows <= K; row += kRows) walk.template add_rows<kRows>(row);
    for (; row < K; ++row) walk.template add_rows<1>(row);
    return walk.finish(M_u);
  }

 private:
  BlockProducts(const T* M, const T* S, const T* u, int64_t K, T* work)
      : M_(M),
        S_(S),
        K_(K),
        half_u_(work),
        by_columns_(work + K),
        by_rows_(work + 2 * K),
        last_(last_pack(K, kSize)) {
    for_packs<T>(0, K, [&](auto v, int64_t k) {
      using W = decltype(v);
      (W(T(0.5)) * W::load_unaligned(u + k)).store_unaligned(half_u_ + k);
    });
    std::fill_n(by_columns_, K, T(0));
  }

  template <int rows>
  __attribute__((always_inline)) void add_rows(int64_t row) {
    const T *M_rows[rows], *S_rows[rows];
    V half_u[rows], sums[rows], inner[rows];
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
      M_rows[i] = M_ + row_offset(layout, K_, row + i);
      S_rows[i] = has_S ? S_ + (row + i) * K_ : nullptr;
      half_u[i] = V(half_u_[row + i]);
      sums[i] = inner[i] = V(T(0));
    }
    const auto add_pack = [&](int64_t k, V column_sum, auto mask) __attribute__((always_inline)) {
      const V half_u_k = V::load_unaligned(half_u_ + k);
#pragma GCC unroll 4
      for (int i = 0; i < rows; ++i) {
        const V entries = mask(V::load_unaligned(M_rows[i] + k), i);
        column_sum = multiply_add(half_u[i], entries, column_sum);
        sums[i] = multiply_add(entries, half_u_k, sums[i]);
        if (has_S) inner[i] = multiply_add(entries, V::load_unaligned(S_rows[i] + k), inner[i]);
      }
      return column_sum;
    };
    int64_t k = 0;
    if (is_upper(layout)) {
      k = row / kSize * kSize;
      if (k < last_) {
        add_pack(k, V::load_unaligned(by_columns_ + k), [&](V entries, int i) {
          return keep_from(entries, row + i - k);
        }).store_unaligned(by_columns_ + k);
        k += kSize;
      }
    }
    for (; k < last_; k += kSize) {
      add_pack(k, V::load_unaligned(by_columns_ + k), [](V entries, int) {
        return entries;
      }).store_unaligned(by_columns_ + k);
    }
    const int64_t end = K_ - kSize;
    last_sum_ = add_pack(end, last_sum_, [&](V entries, int i) {
      return keep_from(entries, (is_upper(layout) ? std::max(last_, row + i) : last_) - end);
    });
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) inner_ = inner_ + inner[i];
    sum_each<rows>(sums);
    constexpr int kPacks = (rows + kSize - 1) / kSize;
    for (int i = 0; i < kPacks; ++i) sums[i].store_unaligned(by_rows_ + row + i * kSize);
  }

  T finish(T* M_u) {
    const int64_t end = K_ - kSize;
    (V::load_unaligned(by_columns_ + end) + last_sum_).store_unaligned(by_columns_ + end);
    for_packs<T>(0, K_, [&](auto v, int64_t k) {
      using W = decltype(v);
      (W::load_unaligned(by_columns_ + k) + W::load_unaligned(by_rows_ + k))
          .store_unaligned(M_u + k);
    });
    return has_S ? sum(inner_) : T(0);
  }

  const T *M_, *S_;
  int64_t K_;
  T *half_u_, *by_columns_, *by_rows_;
  int64_t last_;
  V last_sum_{T(0)}, inner_{T(0)};
};

// M_u_i = sym(M_i) u_i and, where S is not null, t1_i += <M_i, S_i> for the rows of a tile.
template <typename T>
struct CotangentProducts {
  static int64_t work_size(int64_t K) { return 3 * K + 2 * Pack<T>::kSize; }

  template <int Kfixed>
  struct Sized {
    static void run(Layout layout, const T* M, const T* S, int64_t S_stride, const T* u,
                    int64_t rows, int64_t K, T* work, T* M_u, T* t1) {
      with_known_layout(layout, [&](auto known) {
        if constexpr (is_full(known)) {
          if (S != nullptr) return visit<known, true>(M, S, S_stride, u, rows, K, work, M_u, t1);
          visit<known, false>(M, S, S_stride, u, rows, K, work, M_u, t1);
        }
      });
    }

   private:
    template <Layout layout, bool has_S>
    static void visit(const T* M, const T* S, int64_t S_stride, const T* u, int64_t rows, int64_t K,
                      T* work, T* M_u, T* t1) {
      K = size_of<Kfixed>(K);
      const int64_t M_stride = block_size(layout, K);
      for (int64_t i = 0; i < rows; ++i) {
        const T* const S_i = has_S ? S + i * S_stride : nullptr;
        T inner;
        if constexpr (Kfixed > 0) {
          inner = FixedBlockProducts<T, Kfixed, layout, has_S>::run(M + i * M_stride, S_i,
                                                                    u + i * K, M_u + i * K);
        } else {
          inner = BlockProducts<T, layout, has_S>::run(M + i * M_stride, S_i, u + i * K, K, work,
                                                       M_u + i * K);
        }
        if (has_S) t1[i] += inner;
      }
    }
  };
};

}  // namespace blockhess::cpu
