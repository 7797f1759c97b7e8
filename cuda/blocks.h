// Writes the blocks of a tile. Its entries are one contiguous stretch of the output, which the
// threads share out in vectors of 16 bytes on 16-byte boundaries, whatever K and the layout are;
// what is left at either end goes entry by entry.
#pragma once

#include "csrc/core/formula.h"
#include "cuda/tile.h"

namespace blockhess::cuda {

// What the terms have in a tile: arrays one after the other, (terms, rows, K) or (terms, rows) of a
// full tile.
template <typename C>
struct TermArrays {
  const C *u, *psi1, *psi2;
  const C* diagonal;  // (rows, K), of all terms together; null: none has one
};

// The part of a tile's vectors that one of several thread blocks writes.
struct Strip {
  int number, count;

  // Where strip `n` of `vectors` starts.
  __device__ int start(int vectors, int n) const {
    return static_cast<int>(int64_t{vectors} * n / count);
  }
};

// The place of an entry.
struct Place {
  int block, row, column;
};

template <Layout layout>
__device__ inline Place find_place(int entry, Divisor by_block, Divisor by_row) {
  const int block = by_block.quotient(entry), K = by_row.divisor();
  const int rest = entry - block * by_block.divisor();
  if (layout == Layout::kDiag) return {block, rest, rest};
  if (layout == Layout::kDense) {
    const int row = by_row.quotient(rest);
    return {block, row, rest - row * K};
  }
  // Solves for the row whose first entry stands at row K - row (row - 1) / 2; then makes good what
  // the square root rounded.
  const float b = static_cast<float>(2 * K + 1);
  int row = static_cast<int>(0.5f * (b - ::sqrtf(b * b - 8.0f * static_cast<float>(rest))));
  row = row < 0 ? 0 : row > K - 1 ? K - 1 : row;
  const auto start = [K](int r) { return static_cast<int>(row_offset(Layout::kPacked, K, r)) + r; };
  while (row > 0 && start(row) > rest) --row;
  while (row < K - 1 && start(row + 1) <= rest) ++row;
  return {block, row, rest - start(row) + row};
}

template <Layout layout>
__device__ inline Place next_place(Place at, int K) {
  if (layout == Layout::kDiag) {
    return at.row + 1 < K ? Place{at.block, at.row + 1, at.row + 1} : Place{at.block + 1, 0, 0};
  }
  if (at.column + 1 < K) return {at.block, at.row, at.column + 1};
  if (at.row + 1 < K) return {at.block, at.row + 1, layout == Layout::kPacked ? at.row + 1 : 0};
  return {at.block + 1, 0, 0};
}

// One entry, wherever it is.
template <typename T, typename Tile>
__device__ inline Arithmetic<T> compose(const Tile& tile, int num_terms,
                                        const TermArrays<Arithmetic<T>>& arrays, Place at) {
  using C = Arithmetic<T>;
  C entry(0);
#pragma unroll 1
  for (int t = 0; t < num_terms; ++t) {
    const DeviceTerm<T>& term = tile.term(t);
    if (tile.has_S(term) && term.psi.has(1)) {
      const C psi1 = arrays.psi1[t * tile.full_rows() + at.block];
      entry = multiply_add(psi1, tile.S_entry(term, at.block, at.row, at.column), entry);
    }
    if (term.psi.has(2)) {
      const C psi2 = arrays.psi2[t * tile.full_rows() + at.block];
      const C* const u = arrays.u + (t * tile.full() + at.block * tile.K());
      entry = multiply_add(psi2, u[at.row] * u[at.column], entry);
    }
  }
  if (arrays.diagonal != nullptr && at.row == at.column) {
    entry += arrays.diagonal[at.block * tile.K() + at.row];
  }
  return entry;
}

// kLanes entries of one row, in a tile where such pieces start on 16-byte boundaries. To the bit
// what `compose` gives.
template <typename T, typename Tile>
__device__ inline Lanes<Arithmetic<T>> compose_lanes(const Tile& tile, int num_terms,
                                                     const TermArrays<Arithmetic<T>>& arrays,
                                                     Place at) {
  using C = Arithmetic<T>;
  Lanes<C> entries{};
#pragma unroll 1
  for (int t = 0; t < num_terms; ++t) {
    const DeviceTerm<T>& term = tile.term(t);
    if (tile.has_S(term) && term.psi.has(1)) {
      const C psi1 = arrays.psi1[t * tile.full_rows() + at.block];
      const Lanes<C> S = tile.S_lanes(term, at.block, at.row, at.column);
      for (int j = 0; j < kLanes<C>; ++j) {
        entries.values[j] = multiply_add(psi1, S.values[j], entries.values[j]);
      }
    }
    if (term.psi.has(2)) {
      const C psi2 = arrays.psi2[t * tile.full_rows() + at.block];
      const C* const u = arrays.u + (t * tile.full() + at.block * tile.K());
      const C u_row = u[at.row];
      const Lanes<C> u_columns = load_lanes(u + at.column);
      for (int j = 0; j < kLanes<C>; ++j) {
        entries.values[j] = multiply_add(psi2, u_row * u_columns.values[j], entries.values[j]);
      }
    }
  }
  const int to_diagonal = at.row - at.column;
  if (arrays.diagonal != nullptr && to_diagonal >= 0 && to_diagonal < kLanes<C>) {
    const C diagonal = arrays.diagonal[at.block * tile.K() + at.row];
    for (int j = 0; j < kLanes<C>; ++j) {
      const C with_diagonal = entries.values[j] + diagonal;
      entries.values[j] = j == to_diagonal ? with_diagonal : entries.values[j];
    }
  }
  return entries;
}

// 16 bytes of the output.
template <typename T>
union Packed {
  T values[16 / sizeof(T)];
  uint4 vector;
};

template <typename T, Layout layout, typename Tile>
__device__ void write_blocks(const Tile& tile, int num_terms,
                             const TermArrays<Arithmetic<T>>& arrays, Divisor by_block,
                             Divisor by_row, Strip strip, T* out) {
  using C = Arithmetic<T>;
  constexpr int kCount = 16 / sizeof(T);
  const int K = tile.K(), total = tile.rows() * by_block.divisor();
  // Entries of the first vector that lie before the tile's own.
  const int before = static_cast<int>(reinterpret_cast<uintptr_t>(out) % 16 / sizeof(T));
  const int vectors = (before + total + kCount - 1) / kCount;
  const int begin = strip.start(vectors, strip.number);
  const int end = strip.start(vectors, strip.number + 1);
  if (layout == Layout::kDense && K % kCount == 0 && before == 0) {
    for_each(end - begin, [&](int v) {
      const int first = (begin + v) * kCount;
      Place at = find_place<layout>(first, by_block, by_row);
      Packed<T> packed;
#pragma unroll
      for (int j = 0; j < kCount; j += kLanes<C>) {
        const Lanes<C> entries = compose_lanes<T>(tile, num_terms, arrays, at);
        for (int lane = 0; lane < kLanes<C>; ++lane) {
          store(&packed.values[j + lane], entries.values[lane]);
        }
        at.column += kLanes<C>;
      }
      store_whole(out + first, packed.vector);
    });
    return;
  }
  for_each(end - begin, [&](int v) {
    const int first = (begin + v) * kCount - before;
    Place at = find_place<layout>(first < 0 ? 0 : first, by_block, by_row);
    Packed<T> packed;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      store(&packed.values[j], compose<T>(tile, num_terms, arrays, at));
      // Places outside the tile repeat one within it, and are not stored.
      if (first + j >= 0 && first + j + 1 < total) at = next_place<layout>(at, K);
    }
#ifdef BLOCKHESS_BREAK_TAIL
    if (first >= 0) {
#else
    if (first >= 0 && first + kCount <= total) {
#endif
      store_whole(out + first, packed.vector);
    } else {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        if (first + j >= 0 && first + j < total) out[first + j] = packed.values[j];
      }
    }
  });
}

}  // namespace blockhess::cuda
