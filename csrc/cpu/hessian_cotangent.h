// The Hessian cotangent M of a tile of rows, read where the caller has it, and its diagonals.
#pragma once

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
      : data_(data), layout_(data == nullptr ? Layout::kNone : layout), K_(K) {
    if (layout_ == Layout::kTrace || (is_full() && needs_diagonal)) {
      diagonals_ = scratch.take<T>(rows * K);
    }
  }

  Layout layout() const { return layout_; }
  // Whether M is more than a diagonal.
  bool is_full() const { return blockhess::is_full(layout_); }

  void load(int64_t first, int64_t rows) {
    if (data_ == nullptr) return;
    blocks_ = data_ + first * stride();
    if (diagonals_ == nullptr) return;
    with_known_layout(layout_, [&](auto known) { load_diagonals<known>(rows); });
  }

  // Of the tile, one after the other.
  const T* blocks() const { return blocks_; }

  // (rows, K); null where they are not needed.
  const T* diagonals() const { return layout_ == Layout::kDiag ? blocks_ : diagonals_; }

  // symmetric = the symmetric parts (rows, K, K) of a full M.
  void symmetrise(int64_t rows, T* symmetric) const {
    for (int64_t i = 0; i < rows; ++i) {
      const T* const block = blocks_ + i * stride();
      T* const out = symmetric + i * K_ * K_;
      if (is_upper(layout_)) {
        mirror_halves(block, out);
      } else {
        cpu::symmetrise(block, K_, out);
      }
    }
  }

 private:
  int64_t stride() const { return block_size(layout_, K_); }

  // An entry of a full block is in a cache line of its own, too far from the last for the processor
  // to foresee: the next tile's lines come while this tile is worked on.
  template <Layout layout>
  void load_diagonals(int64_t rows) {
    const int64_t ahead = rows * block_size(layout, K_);
    for (int64_t i = 0; i < rows; ++i) {
      const T* const block = blocks_ + i * block_size(layout, K_);
      for (int64_t k = 0; k < K_; ++k) {
        const T* const entry = block + row_offset(layout, K_, k) + k;
        diagonals_[i * K_ + k] = *entry;
        if (blockhess::is_full(layout)) __builtin_prefetch(entry + ahead, 0, 2);
      }
    }
  }

  // An entry off the diagonal stands for two, and each takes half.
  void mirror_halves(const T* upper, T* symmetric) const {
    for (int64_t row = 0; row < K_; ++row) {
      const T* const upper_row = upper + row_offset(layout_, K_, row);
      const int64_t end = end_column(layout_, K_, row);
      symmetric[row * K_ + row] = upper_row[row];
      for (int64_t k = row + 1; k < K_; ++k) {
        symmetric[row * K_ + k] = symmetric[k * K_ + row] = k < end ? T(0.5) * upper_row[k] : T(0);
      }
    }
  }

  const T* data_;
  Layout layout_;
  int64_t K_;
  const T* blocks_ = nullptr;
  T* diagonals_ = nullptr;
};

}  // namespace blockhess::cpu
