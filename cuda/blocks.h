// Writes the blocks of a tile. Its entries are one contiguous stretch of the output, which the
// threads share out in vectors of 16 bytes on 16-byte boundaries, whatever K and the layout are;
// what is left at either end goes entry by entry.
#pragma once

#include "csrc/core/formula.h"
#include "cuda/tile.h"

namespace blockhess::cuda {

// Division by a fixed number, of numbers below 2^31, without a division (Granlund and Montgomery).
class Divisor {
 public:
  Divisor() = default;
  __host__ __device__ explicit Divisor(uint32_t divisor) : divisor_(divisor) {
    while ((uint64_t{1} << bits_) < divisor) ++bits_;
    multiplier_ = ((uint64_t{1} << (31 + bits_)) + divisor - 1) / divisor;
  }
  __host__ __device__ int quotient(int number) const {
    return static_cast<int>((static_cast<uint64_t>(number) * multiplier_) >> (31 + bits_));
  }
  __host__ __device__ int divisor() const { return static_cast<int>(divisor_); }

 private:
  uint64_t multiplier_ = 0;
  uint32_t divisor_ = 0;
  int bits_ = 0;
};

// What the terms have in a tile: arrays one after the other, (terms, rows, K) or (terms, rows) of a
// full tile.
template <typename C>
struct TermArrays {
  const C *u, *psi1, *psi2;
  const C* diagonal;  // (rows, K), of all terms together
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

// `entries` of one row of a block, or wherever they are.
template <typename T, int count>
__device__ inline void compose(const Tile<T>& tile, int num_terms, int rows_of_full_tile,
                               const TermArrays<Arithmetic<T>>& arrays, const Place (&at)[count],
                               Arithmetic<T> (&entries)[count]) {
  using C = Arithmetic<T>;
  const int K = tile.K();
  for (int j = 0; j < count; ++j) entries[j] = C(0);
  for (int t = 0; t < num_terms; ++t) {
    const DeviceTerm<T>& term = tile.term(t);
    if (tile.has_S(term) && tile.has_psi(term, 1)) {
      const C* const psi1 = arrays.psi1 + t * rows_of_full_tile;
      for (int j = 0; j < count; ++j) {
        const C S = tile.S_entry(term, at[j].block, at[j].row, at[j].column);
        entries[j] = multiply_add(psi1[at[j].block], S, entries[j]);
      }
    }
    if (tile.has_psi(term, 2)) {
      const C* const psi2 = arrays.psi2 + t * rows_of_full_tile;
      const C* const u = arrays.u + t * rows_of_full_tile * K;
      for (int j = 0; j < count; ++j) {
        const C* const u_block = u + at[j].block * K;
        entries[j] +=
            formula::rank_one_entry(psi2[at[j].block], u_block[at[j].row], u_block[at[j].column]);
      }
    }
  }
  if (arrays.diagonal == nullptr) return;
  for (int j = 0; j < count; ++j) {
    if (at[j].row == at[j].column) entries[j] += arrays.diagonal[at[j].block * K + at[j].row];
  }
}

template <typename T, Layout layout>
__device__ void write_blocks(const Tile<T>& tile, int num_terms, int rows_of_full_tile,
                             const TermArrays<Arithmetic<T>>& arrays, Divisor by_block,
                             Divisor by_row, T* out) {
  using C = Arithmetic<T>;
  constexpr int kCount = 16 / sizeof(T);
  const int K = tile.K(), total = tile.rows() * by_block.divisor();
  // Entries of the first vector that lie before the tile's own.
  const int before = static_cast<int>(reinterpret_cast<uintptr_t>(out) % 16 / sizeof(T));
  const bool in_one_row = layout == Layout::kDense && K % kCount == 0 && before == 0;
  const int vectors = (before + total + kCount - 1) / kCount;
  for_each(vectors, [&](int v) {
    const int first = v * kCount - before;
    const bool is_whole = first >= 0 && first + kCount <= total;
    Place at[kCount];
    at[0] = find_place<layout>(first < 0 ? 0 : first, by_block, by_row);
    if (in_one_row) {
      for (int j = 1; j < kCount; ++j) at[j] = {at[0].block, at[0].row, at[0].column + j};
    } else {
      for (int j = 1; j < kCount; ++j) {
        // Places outside the tile repeat one within it, and are not stored.
        const bool advances = first + j > 0 && first + j < total;
        at[j] = advances ? next_place<layout>(at[j - 1], K) : at[j - 1];
      }
    }
    C entries[kCount];
    compose<T, kCount>(tile, num_terms, rows_of_full_tile, arrays, at, entries);
#ifdef BLOCKHESS_BREAK_TAIL
    if (first >= 0) {
#else
    if (is_whole) {
#endif
      union {
        T values[kCount];
        uint4 vector;
      } packed;
      for (int j = 0; j < kCount; ++j) store(&packed.values[j], entries[j]);
      *reinterpret_cast<uint4*>(out + first) = packed.vector;
    } else {
      for (int j = 0; j < kCount; ++j) {
        if (first + j >= 0 && first + j < total) store(out + first + j, entries[j]);
      }
    }
  });
}

}  // namespace blockhess::cuda
