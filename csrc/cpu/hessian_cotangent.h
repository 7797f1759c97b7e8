// The Hessian cotangent M of a tile of rows, symmetrised once for all terms.
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
  // `data` holds all rows in `layout`; null means that there is none. Without `needs_matrices` only
  // the diagonals are read.
  HessianCotangent(const T* data, Layout layout, bool needs_matrices, int64_t K, int64_t rows,
                   Scratch& scratch)
      : data_(data),
        layout_(data == nullptr ? Layout::kNone : layout),
        needs_matrices_(needs_matrices),
        K_(K) {
    if (!exists()) return;
    diagonal_ = scratch.take<T>(rows * K);
    if (is_full() && needs_matrices) matrices_ = scratch.take<T>(rows * K * K);
  }

  bool exists() const { return layout_ != Layout::kNone; }
  // Whether M is more than a diagonal.
  bool is_full() const { return layout_ == Layout::kDense || layout_ == Layout::kPacked; }

  void load(int64_t first, int64_t rows) {
    if (!exists()) return;
    const T* const blocks = data_ + first * block_size(layout_, K_);
    if (layout_ == Layout::kDiag) {
      std::copy_n(blocks, rows * K_, diagonal_);
      return;
    }
    for (int64_t i = 0; i < rows; ++i) {
      const T* const block = blocks + i * block_size(layout_, K_);
      for (int64_t k = 0; k < K_; ++k) {
        diagonal_[i * K_ + k] = block[row_offset(layout_, K_, k) + k];
      }
      if (!needs_matrices_) continue;
      if (layout_ == Layout::kDense) {
        symmetrise(block, K_, matrices_ + i * K_ * K_);
      } else {
        unpack(block, matrices_ + i * K_ * K_);
      }
    }
  }

  // (rows, K, K), where is_full() and they are needed.
  const T* matrices() const { return matrices_; }
  // (rows, K)
  const T* diagonal() const { return diagonal_; }

 private:
  // An entry off the diagonal stands for two entries of the block, and each takes half.
  void unpack(const T* block, T* M) const {
    for (int64_t row = 0; row < K_; ++row) {
      const T* const upper = block + row_offset(Layout::kPacked, K_, row);
      M[row * K_ + row] = upper[row];
      for (int64_t k = row + 1; k < K_; ++k) {
        M[row * K_ + k] = M[k * K_ + row] = T(0.5) * upper[k];
      }
    }
  }

  const T* data_;
  Layout layout_;
  bool needs_matrices_;
  int64_t K_;
  T* matrices_ = nullptr;
  T* diagonal_ = nullptr;
};

}  // namespace blockhess::cpu
