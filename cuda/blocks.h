// Writes the blocks of a tile. Its entries are one contiguous stretch of the output, which the
// threads share out in vectors of 16 bytes on 16-byte boundaries, whatever K and the layout are;
// what is left at either end goes entry by entry.
#pragma once

#include "csrc/core/formula.h"
#include "cuda/tile.h"

namespace blockhess::cuda {

// What the terms have in a tile: arrays one after the other, (terms, rows, K) or (terms, rows) of a
// full tile, by where they start in its memory. With one pointer an address takes the fewest
// instructions.
template <typename C>
struct TermArrays {
  const C* memory;
  int u, psi1, psi2;
  int diagonal;   // (rows, K), of all terms together; -1: none has one
  bool is_whole;  // whether that is all there is on the diagonal
};

// The part of a tile's vectors that one of several thread blocks writes.
struct Strip {
  int number, count;

  // Where strip `n` of `vectors` starts.
  __device__ int start(int vectors, int n) const {
    const int each = (vectors + count - 1) / count;
    return n * each < vectors ? n * each : vectors;
  }
};

// The place of an entry.
struct Place {
  int block, row, column;
};

// The row of the block that has an entry.
template <Layout layout>
__device__ inline int find_row(int entry, Divisor by_row) {
  if (layout == Layout::kDiag) return entry;
  if (layout == Layout::kDense) return by_row.quotient(entry);
  static_assert(layout == Layout::kDiag || layout == Layout::kDense || layout == Layout::kPacked);
  // Solves for the row whose first entry stands at row K - row (row - 1) / 2; then makes good what
  // the square root rounded.
  const int K = by_row.divisor();
  const float b = static_cast<float>(2 * K + 1);
  int row = static_cast<int>(0.5f * (b - ::sqrtf(b * b - 8.0f * static_cast<float>(entry))));
  row = row < 0 ? 0 : row > K - 1 ? K - 1 : row;
  const auto start = [K](int r) { return static_cast<int>(row_offset(Layout::kPacked, K, r)) + r; };
  while (row > 0 && start(row) > entry) --row;
  while (row < K - 1 && start(row + 1) <= entry) ++row;
  return row;
}

template <Layout layout>
__device__ inline Place find_place(int entry, Divisor by_block, Divisor by_row) {
  const int block = by_block.quotient(entry), rest = entry - block * by_block.divisor();
  const int row = find_row<layout>(rest, by_row);
  return {block, row, rest - static_cast<int>(row_offset(layout, by_row.divisor(), row))};
}

template <Layout layout>
__device__ inline Place next_place(Place at, int K) {
  if (is_full(layout) && at.column + 1 < end_column(layout, K, at.row)) {
    return {at.block, at.row, at.column + 1};
  }
  const int row = at.row + 1;
  if (row < K) return {at.block, row, static_cast<int>(first_column(layout, row))};
  return {at.block + 1, 0, 0};
}

// `step` entries on, where that is the place of such an entry in a dense layout.
__device__ inline Place advance(Place at, Place step, int K) {
  at.column += step.column;
  const int next_row = at.column >= K;
  at.column -= next_row ? K : 0;
  at.row += step.row + next_row;
  const int next_block = at.row >= K;
  at.row -= next_block ? K : 0;
  at.block += step.block + next_block;
  return at;
}

// Pieces of rows, of so many entries each from a place; wide ones start on 16-byte boundaries, and
// no S is of each row. What there is to know of a term is read once for all pieces, which stay in
// registers. An entry is the same to the bit in any width.
template <typename T, int width, int count, typename Tile>
__device__ inline void compose(const Tile& tile, int num_terms,
                               const TermArrays<Arithmetic<T>>& arrays, const Place (&at)[count],
                               Lanes<Arithmetic<T>, width> (&pieces)[count]) {
  using C = Arithmetic<T>;
  const int K = tile.K();
  const C* const memory = arrays.memory;
#pragma unroll
  for (int p = 0; p < count; ++p) {
    const int place = arrays.diagonal + at[p].block * K + at[p].row;
    const C diagonal = arrays.diagonal >= 0 ? memory[place] : C(0);
    for (int j = 0; j < width; ++j) {
      pieces[p].values[j] = at[p].row == at[p].column + j ? diagonal : C(0);
    }
  }
#pragma unroll 1
  for (int t = 0; t < num_terms; ++t) {
    const DeviceTerm<T>& term = tile.term(t);
    const C* const shared_S = term.shared_S;
    const bool has_S = shared_S != nullptr || (width == 1 && term.S != nullptr);
    if (has_S && term.psi.has(1)) {
      const int psi1 = arrays.psi1 + t * tile.full_rows();
#pragma unroll
      for (int p = 0; p < count; ++p) {
        Lanes<C, width> S;
        if (width > 1 || shared_S != nullptr) {
          S = load_lanes<width>(shared_S + (at[p].row * K + at[p].column));
        } else {
          S.values[0] = tile.S_entry(term, at[p].block, at[p].row, at[p].column);
        }
        const C factor = memory[psi1 + at[p].block];
        for (int j = 0; j < width; ++j) {
          pieces[p].values[j] = multiply_add(factor, S.values[j], pieces[p].values[j]);
        }
      }
    }
    if (term.psi.has(2)) {
      const int psi2 = arrays.psi2 + t * tile.full_rows(), u = arrays.u + t * tile.full();
#pragma unroll
      for (int p = 0; p < count; ++p) {
        const int u_block = u + at[p].block * K;
        const C factor = memory[psi2 + at[p].block], u_row = memory[u_block + at[p].row];
        const Lanes<C, width> u_columns = load_lanes<width>(memory + (u_block + at[p].column));
        for (int j = 0; j < width; ++j) {
          const bool is_done = arrays.is_whole && at[p].row == at[p].column + j;
          const C before = pieces[p].values[j];
          pieces[p].values[j] =
              is_done ? before : multiply_add(factor, u_row * u_columns.values[j], before);
        }
      }
    }
  }
}

// 16 bytes of the output.
template <typename T>
union Packed {
  T values[16 / sizeof(T)];
  uint4 vector;
};

// How blocks are written.
struct Writing {
  Divisor by_block, by_row;
  // Whether rows are whole vectors and no S is of each row; then also the place of the entry that
  // the vector of the next thread block's worth of threads starts with.
  bool in_vectors;
  Place step;
};

template <typename T>
inline constexpr int kPerVector = 16 / sizeof(T);

template <typename T>
Writing prepare_writing(Layout layout, int K, bool any_own_S) {
  Writing writing{};
  const int size = static_cast<int>(block_size(layout, K));
  writing.by_block = Divisor(static_cast<uint32_t>(size));
  writing.by_row = Divisor(static_cast<uint32_t>(K));
  writing.in_vectors = layout == Layout::kDense && K % kPerVector<T> == 0 && !any_own_S;
  const int step = kThreads * kPerVector<T>;
  writing.step = {step / size, step % size / K, step % K};
  return writing;
}

// Several vectors at a time, as far from each other as there are threads, so that neighbours write
// what is next to each other.
template <typename T, typename Tile>
__device__ void write_vectors(const Tile& tile, int num_terms,
                              const TermArrays<Arithmetic<T>>& arrays, const Writing& writing,
                              int begin, int end, T* out) {
  using C = Arithmetic<T>;
  constexpr int kPieces = 4, kEach = kPerVector<T> / kLanes<C>;
  const int K = tile.K(), last_block = tile.rows() - 1;
  int v = begin + static_cast<int>(threadIdx.x);
  Place next = find_place<Layout::kDense>(v * kPerVector<T>, writing.by_block, writing.by_row);
#pragma unroll 1
  while (v < end) {
    Place at[kPieces];
#pragma unroll
    for (int p = 0; p < kPieces; p += kEach) {
      // What is past the end is somewhere in the tile, and not stored.
      const int block = next.block < last_block ? next.block : last_block;
      for (int e = 0; e < kEach; ++e) at[p + e] = {block, next.row, next.column + e * kLanes<C>};
      next = advance(next, writing.step, K);
    }
    Lanes<C> pieces[kPieces];
    compose<T>(tile, num_terms, arrays, at, pieces);
#pragma unroll
    for (int p = 0; p < kPieces; p += kEach) {
      Packed<T> packed;
      for (int j = 0; j < kPerVector<T>; ++j) {
        store(&packed.values[j], pieces[p + j / kLanes<C>].values[j % kLanes<C>]);
      }
      if (v < end) store_whole(out + v * kPerVector<T>, packed.vector);
      v += kThreads;
    }
  }
}

// A number a row: the sum of the diagonal's entries, which take the place of `entries`, (rows, K).
template <typename T, typename Tile>
__device__ void write_traces(const Tile& tile, int num_terms,
                             const TermArrays<Arithmetic<T>>& arrays, Arithmetic<T>* entries,
                             T* out) {
  using C = Arithmetic<T>;
  for_each(tile.values(), [&](int e) {
    const int block = tile.row_of(e), k = e - block * tile.K();
    const Place at[] = {{block, k, k}};
    Lanes<C, 1> entry[1];
    compose<T>(tile, num_terms, arrays, at, entry);
    entries[e] = entry[0].values[0];
  });
  tile.template sum_rows<C>(entries, [&](int i, C sum) { store(out + i, sum); });
}

template <typename T, Layout layout, typename Tile>
__device__ void write_blocks(const Tile& tile, int num_terms,
                             const TermArrays<Arithmetic<T>>& arrays, const Writing& writing,
                             Strip strip, T* out) {
  using C = Arithmetic<T>;
  constexpr int kCount = kPerVector<T>, kPieces = kCount < 4 ? kCount : 4;
  const int K = tile.K(), total = tile.rows() * writing.by_block.divisor();
  // Entries of the first vector that lie before the tile's own.
  const int before = static_cast<int>(reinterpret_cast<uintptr_t>(out) % 16 / sizeof(T));
  const int vectors = (before + total + kCount - 1) / kCount;
  const int begin = strip.start(vectors, strip.number);
  const int end = strip.start(vectors, strip.number + 1);
  if (layout == Layout::kDense && writing.in_vectors && before == 0) {
    write_vectors(tile, num_terms, arrays, writing, begin, end, out);
    return;
  }
  for_each(end - begin, [&](int v) {
    const int first = (begin + v) * kCount - before;
    Place next = find_place<layout>(first < 0 ? 0 : first, writing.by_block, writing.by_row);
    Packed<T> packed;
#pragma unroll
    for (int start = 0; start < kCount; start += kPieces) {
      Place at[kPieces];
#pragma unroll
      for (int p = 0; p < kPieces; ++p) {
        at[p] = next;
        // Places outside the tile repeat one within it, and are not stored.
        const int entry = first + start + p;
        if (entry >= 0 && entry + 1 < total) next = next_place<layout>(next, K);
      }
      Lanes<C, 1> entries[kPieces];
      compose<T>(tile, num_terms, arrays, at, entries);
#pragma unroll
      for (int p = 0; p < kPieces; ++p) store(&packed.values[start + p], entries[p].values[0]);
    }
    if (first >= 0 && first + kCount <= total) {
      store_whole(out + first, packed.vector);
    } else {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        if (first + j >= 0 && first + j < total) out[first + j] = packed.values[j];
      }
    }
  });
}

// `entries` is working memory, (rows, K).
template <typename T, Layout layout, typename Tile>
__device__ void write_hessian(const Tile& tile, int num_terms,
                              const TermArrays<Arithmetic<T>>& arrays, const Writing& writing,
                              Strip strip, Arithmetic<T>* entries, T* hessian) {
  if constexpr (layout == Layout::kTrace) {
    write_traces(tile, num_terms, arrays, entries, hessian + tile.first());
  } else if constexpr (layout != Layout::kNone) {
    T* const out = hessian + tile.first() * writing.by_block.divisor();
    write_blocks<T, layout>(tile, num_terms, arrays, writing, strip, out);
  }
}

}  // namespace blockhess::cuda
