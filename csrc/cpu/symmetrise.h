// The symmetric part of a square matrix.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

// A pack of at most four values; Eigen transposes squares of those in registers.
template <typename T, typename V = Pack<T>, bool is_small = (V::kSize <= 4)>
struct SquarePack {
  using type = V;
};
template <typename T, typename V>
struct SquarePack<T, V, false> {
  using type = typename SquarePack<T, Pack<T, Narrower<T, typename V::Packet>>>::type;
};

// A square of a matrix, in registers.
template <typename T>
struct Square {
  using V = typename SquarePack<T>::type;
  static constexpr int kSize = V::kSize;
  Eigen::internal::PacketBlock<typename V::Packet, kSize> rows;

  static Square load(const T* data, int64_t stride) {
    Square square;
    for (int i = 0; i < kSize; ++i) {
      square.rows.packet[i] = V::load_unaligned(data + i * stride).packet;
    }
    return square;
  }
  void store(T* data, int64_t stride) const {
    for (int i = 0; i < kSize; ++i) {
      V::from(rows.packet[i]).store_unaligned(data + i * stride);
    }
  }
  void transpose() {
    if constexpr (kSize > 1) Eigen::internal::ptranspose(rows);
  }
};

// Halves before the sum: two huge entries must not overflow.
template <typename V>
inline V mean(V a, V b) {
  const V half(0.5f);
  return half * a + half * b;
}

template <typename T>
inline void symmetrise_square(const T* matrix, int64_t K, int64_t row, int64_t column,
                              T* symmetric) {
  using V = typename Square<T>::V;
  Square<T> lower = Square<T>::load(matrix + row * K + column, K);
  Square<T> upper = Square<T>::load(matrix + column * K + row, K);
  upper.transpose();
  for (int i = 0; i < Square<T>::kSize; ++i) {
    lower.rows.packet[i] =
        mean(V::from(lower.rows.packet[i]), V::from(upper.rows.packet[i])).packet;
  }
  lower.store(symmetric + row * K + column, K);
  lower.transpose();
  lower.store(symmetric + column * K + row, K);
}

// symmetric = (matrix + matrix') / 2, what rows [begin, end) and the columns up to the diagonal
// hold and its mirror image: square by square, `begin` being where one starts; the rows that make
// no whole square one entry at a time.
template <typename T>
inline void symmetrise_rows(const T* __restrict matrix, int64_t K, int64_t begin, int64_t end,
                            T* __restrict symmetric) {
  constexpr int64_t kSize = Square<T>::kSize;
  const int64_t whole = K / kSize * kSize;
  for (int64_t row = begin; row < std::min(end, whole); row += kSize) {
    for (int64_t column = 0; column <= row; column += kSize) {
      symmetrise_square(matrix, K, row, column, symmetric);
    }
  }
  for (int64_t row = std::max(begin, whole); row < end; ++row) {
    for (int64_t column = 0; column <= row; ++column) {
      const T entry = mean(matrix[row * K + column], matrix[column * K + row]);
      symmetric[row * K + column] = entry;
      symmetric[column * K + row] = entry;
    }
  }
}

template <typename T>
inline void symmetrise(const T* matrix, int64_t K, T* symmetric) {
  symmetrise_rows(matrix, K, 0, K, symmetric);
}

}  // namespace blockhess::cpu
