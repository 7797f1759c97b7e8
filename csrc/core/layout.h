// The layouts of a block, and the place of its entries in each: the table as code.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "csrc/core/host_device.h"

namespace blockhess {

enum class Layout : uint8_t {
#define LAYOUT(layout, ...) layout,
#include "csrc/core/layouts.def"
};

struct LayoutInfo {
  Layout layout;
  std::string_view name;
  int axes;  // of one block
};

inline constexpr LayoutInfo kLayouts[] = {
#define LAYOUT(layout, name, axes, ...) {Layout::layout, name, axes},
#include "csrc/core/layouts.def"
};

inline constexpr const LayoutInfo& info(Layout layout) {
  return kLayouts[static_cast<int>(layout)];
}

inline std::optional<Layout> find_layout(std::string_view name) {
  for (const LayoutInfo& known : kLayouts) {
    if (known.name == name) return known.layout;
  }
  return std::nullopt;
}

// visit(known), where the type of `known` says which layout it is.
template <typename Visit>
auto with_known_layout(Layout layout, const Visit& visit) {
  switch (layout) {
#define LAYOUT(layout, ...) \
  case Layout::layout:      \
    return visit(std::integral_constant<Layout, Layout::layout>());
#include "csrc/core/layouts.def"
  }
  return visit(std::integral_constant<Layout, Layout::kNone>());
}

// Whether it has entries off the diagonal.
BLOCKHESS_HOST_DEVICE inline constexpr bool is_full(Layout layout) {
  switch (layout) {
#define LAYOUT(layout, name, axes, is_full, ...) \
  case Layout::layout:                           \
    return is_full;
#include "csrc/core/layouts.def"
  }
  return false;
}

// Values in one block; at most K * K, which the caller has checked to fit, or 1.
BLOCKHESS_HOST_DEVICE inline constexpr int64_t block_size(Layout layout,
                                                          [[maybe_unused]] int64_t K) {
  switch (layout) {
#define LAYOUT(layout, name, axes, is_full, size, ...) \
  case Layout::layout:                                 \
    return size;
#include "csrc/core/layouts.def"
  }
  return 0;
}

// Whether block_size does not overflow.
inline constexpr bool has_block_size(Layout layout, int64_t K) {
  return K < (int64_t{1} << 31) || !is_full(layout);
}

// Where entry (row, 0) of a block would stand: entry (row, column) is at `row_offset + column`, for
// columns from first_column to before end_column.
BLOCKHESS_HOST_DEVICE inline constexpr int64_t row_offset(Layout layout, [[maybe_unused]] int64_t K,
                                                          [[maybe_unused]] int64_t row) {
  switch (layout) {
#define LAYOUT(layout, name, axes, is_full, size, row_offset, ...) \
  case Layout::layout:                                             \
    return row_offset;
#include "csrc/core/layouts.def"
  }
  return 0;
}

BLOCKHESS_HOST_DEVICE inline constexpr int64_t first_column(Layout layout,
                                                            [[maybe_unused]] int64_t row) {
  switch (layout) {
#define LAYOUT(layout, name, axes, is_full, size, row_offset, first_column, end_column) \
  case Layout::layout:                                                                  \
    return first_column;
#include "csrc/core/layouts.def"
  }
  return 0;
}

BLOCKHESS_HOST_DEVICE inline constexpr int64_t end_column(Layout layout, [[maybe_unused]] int64_t K,
                                                          [[maybe_unused]] int64_t row) {
  switch (layout) {
#define LAYOUT(layout, name, axes, is_full, size, row_offset, first_column, end_column) \
  case Layout::layout:                                                                  \
    return end_column;
#include "csrc/core/layouts.def"
  }
  return 0;
}

BLOCKHESS_HOST_DEVICE inline constexpr bool has_entry(Layout layout, int64_t K, int64_t row,
                                                      int64_t column) {
  return first_column(layout, row) <= column && column < end_column(layout, K, row);
}

// Whether it is full and has no entries below the diagonal, so that each above stands for two.
BLOCKHESS_HOST_DEVICE inline constexpr bool is_upper(Layout layout) {
  return is_full(layout) && first_column(layout, 1) == 1;
}

}  // namespace blockhess
