// Sums over terms on a tile of rows: value, gradient and what their blocks are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "csrc/cpu/blocks.h"
#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/term_tile.h"

namespace blockhess::cpu {

// out_ik += scale_i a_ik; `room` is (rows, K).
template <typename T>
void add_scaled(const T* scale, const T* a, int64_t rows, int64_t K, T* room, T* out) {
  const T* const scales = repeated(scale, rows, K, room);
  for_packs<T>(0, rows * K, [&](auto v, int64_t ik) {
    using V = decltype(v);
    multiply_add(V::load_unaligned(scales + ik), V::load_unaligned(a + ik),
                 V::load_unaligned(out + ik))
        .store_unaligned(out + ik);
  });
}

// out_ik += a_ik
template <typename T>
void add(const T* a, int64_t values, T* out) {
  for_packs<T>(0, values, [&](auto v, int64_t ik) {
    using V = decltype(v);
    (V::load_unaligned(a + ik) + V::load_unaligned(out + ik)).store_unaligned(out + ik);
  });
}

// out_ik += psi'_i a_ik
template <typename T>
void add_scaled_by_psi1(const TermTile<T>& tile, const T* a, int64_t rows, int64_t K, T* room,
                        T* out) {
  if (tile.has_unit_psi1()) return add(a, rows * K, out);
  add_scaled(tile.psi(1), a, rows, K, room, out);
}

// (rows)
template <typename T>
void write_value(const std::vector<TermTile<T>>& tiles, int64_t rows, T* out) {
  std::fill_n(out, rows, T(0));
  for (const TermTile<T>& tile : tiles) {
    for (int64_t i = 0; i < rows; ++i) out[i] += tile.psi(0)[i];
  }
}

// (rows, K), as is `room`, here and below.
template <typename T>
void write_gradient(const std::vector<TermTile<T>>& tiles, int64_t rows, int64_t K, T* room,
                    T* out) {
  std::fill_n(out, rows * K, T(0));
  for (const TermTile<T>& tile : tiles) {
    if (!tile.has_psi(1)) continue;
    if (tile.r() != nullptr) {
      add_scaled(tile.psi1_by_r(), tile.scaled_u(), rows, K, room, out);
    } else {
      add_scaled_by_psi1(tile, tile.u(), rows, K, room, out);
    }
  }
}

// out += sum over terms of psi' phi'', (rows, K)
template <typename T>
void add_diagonal(const std::vector<TermTile<T>>& tiles, int64_t rows, int64_t K, T* room, T* out) {
  for (const TermTile<T>& tile : tiles) {
    if (!tile.has_psi(1) || !tile.has_phi(2)) continue;
    add_scaled_by_psi1(tile, tile.phi(2), rows, K, room, out);
  }
}

// add_diagonal to zeros, in `out` unless it is there already; null where there is none.
template <typename T>
const T* diagonal(const std::vector<TermTile<T>>& tiles, int64_t rows, int64_t K, T* room, T* out) {
  const TermTile<T>* only = nullptr;
  int count = 0;
  for (const TermTile<T>& tile : tiles) {
    if (!tile.has_psi(1) || !tile.has_phi(2)) continue;
    only = &tile;
    ++count;
  }
  if (count == 0) return nullptr;
  if (count == 1 && only->has_unit_psi1()) return only->phi(2);
  std::fill_n(out, rows * K, T(0));
  add_diagonal(tiles, rows, K, room, out);
  return out;
}

// What the terms add to the blocks beside the diagonal.
template <typename T>
void collect_parts(const std::vector<TermTile<T>>& tiles, std::vector<BlockPart<T>>& parts) {
  parts.clear();
  for (const TermTile<T>& tile : tiles) {
    const bool has_S = tile.has_S() && tile.has_psi(1);
    const bool has_u = tile.has_psi(2);
    if (!has_S && !has_u) continue;
    parts.push_back({has_S ? tile.S() : nullptr, tile.S_stride(), tile.psi(1),
                     has_u ? tile.scaled_u() : nullptr, tile.scaled_psi2()});
  }
}

}  // namespace blockhess::cpu
