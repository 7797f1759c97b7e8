// The Hessian cotangent M of a tile of rows, read where the caller has it. That of a trace, a
// number a row, becomes a diagonal that repeats it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/core/layout.h"
#include "csrc/cpu/scratch.h"
#include "csrc/cpu/symmetrise.h"

namespace blockhess::cpu {

template <typename T>
class HessianCotangent {
 public:
  // `data` holds all rows in `layout`; null means that there is none.
  HessianCotangent(const T* data, Layout layout, bool needs_diagonal, int64_t K, int64_t rows,
                   Scratch& scratch)
      : data_(data),
        given_(data == nullptr ? Layout::kNone : layout),
        layout_(given_ == Layout::kTrace ? Layout::kDiag : given_),
        K_(K) {
    if (given_ == Layout::kTrace || (is_full() && needs_diagonal)) {
      diagonals_ = scratch.take<T>(rows * K);
    }
  }

  Layout layout() const { return layout_; }
  bool exists() const { return layout_ != Layout::kNone; }
  // Whether M is more than a diagonal.
  bool is_full() const { return blockhess::is_full(layout_); }
  int64_t stride() const { return block_size(layout_, K_); }

  void load(int64_t first, int64_t rows) {
    if (!exists()) return;
    if (given_ == Layout::kTrace) {
      for (int64_t i = 0; i < rows; ++i) std::fill_n(diagonals_ + i * K_, K_, data_[first + i]);
      blocks_ = diagonals_;
      return;
    }
    blocks_ = data_ + first * stride();
    if (diagonals_ == nullptr) return;
    // Each entry is in a cache line of its own, too far from the last for the processor to foresee:
    // the next tile's lines come while this tile is worked on.
    const int64_t ahead = rows * stride();
    for (int64_t i = 0; i < rows; ++i) {
      const T* const block = blocks_ + i * stride();
      for (int64_t k = 0; k < K_; ++k) {
        const T* const entry = block + row_offset(layout_, K_, k) + k;
        diagonals_[i * K_ + k] = *entry;
        __builtin_prefetch(entry + ahead, 0, 2);
      }
    }
  }

  // Block i of the tile is at blocks() + i * stride().
  const T* blocks() const { return blocks_; }

  // (rows, K); null where they are not needed.
  const T* diagonals() const { return is_full() ? diagonals_ : blocks_; }

  // symmetric = the symmetric part of a full M's block i.
  void symmetrise(int64_t i, T* symmetric) const {
    const T* const block = blocks_ + i * stride();
    if (layout_ == Layout::kDense) return cpu::symmetrise(block, K_, symmetric);
    // An entry off the diagonal stands for two, and each takes half.
    for (int64_t row = 0; row < K_; ++row) {
      const T* const upper = block + row_offset(Layout::kPacked, K_, row);
      symmetric[row * K_ + row] = upper[row];
      for (int64_t k = row + 1; k < K_; ++k) {
        symmetric[row * K_ + k] = symmetric[k * K_ + row] = T(0.5) * upper[k];
      }
    }
  }

 private:
  const T* data_;
  Layout given_, layout_;
  int64_t K_;
  const T* blocks_ = nullptr;
  T* diagonals_ = nullptr;
};

}  // namespace blockhess::cpu
