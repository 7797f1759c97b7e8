// The layouts of a block, and the place of its entries in each.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "csrc/core/host_device.h"

namespace blockhess {

enum class Layout : uint8_t { kNone, kDense, kDiag, kPacked, kTrace };

inline std::optional<Layout> find_layout(std::string_view name) {
  if (name == "none") return Layout::kNone;
  if (name == "dense") return Layout::kDense;
  if (name == "diag") return Layout::kDiag;
  if (name == "packed") return Layout::kPacked;
  if (name == "trace") return Layout::kTrace;
  return std::nullopt;
}

// Values in one block; at most K * K, which the caller has checked to fit, or 1.
BLOCKHESS_HOST_DEVICE inline int64_t block_size(Layout layout, int64_t K) {
  switch (layout) {
    case Layout::kDense:
      return K * K;
    case Layout::kDiag:
      return K;
    case Layout::kPacked:
      return K * (K + 1) / 2;
    case Layout::kTrace:
      return 1;
    case Layout::kNone:
      break;
  }
  return 0;
}

// Where entry (row, 0) of a block would stand: entry (row, column) is at `row_offset + column`, in
// the packed layout for column >= row only (np.triu_indices order).
BLOCKHESS_HOST_DEVICE inline int64_t row_offset(Layout layout, int64_t K, int64_t row) {
  return layout == Layout::kPacked ? row * K - row * (row + 1) / 2 : row * K;
}

}  // namespace blockhess
