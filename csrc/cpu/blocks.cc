#include "csrc/cpu/blocks.h"

#include <algorithm>
#include <cstring>

#include "csrc/core/formula.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/matrix.h"
#include "csrc/cpu/small_blocks.h"

namespace blockhess::cpu {

namespace {

// A contiguous piece of the output that stays in the first-level cache while the parts are summed
// there: whole blocks, or some rows of one large block.
struct Piece {
  int64_t first_block, last_block;
  BlockRows rows;
};

// Half the first-level cache, so that S and u find room beside a piece.
constexpr int64_t kPieceBytes = 16 << 10;

// Where the entries of a piece are composed.
template <typename T>
struct Target {
  Layout layout;
  int64_t K;
  T* data;  // of the entry that is `first` entries behind the first block's start
  int64_t first;

  // Entry (row, column) is at row(block, row)[column].
  T* row(int64_t block, int64_t row) const {
    return data + (block * block_size(layout, K) + row_offset(layout, K, row) - first);
  }
};

// Entries before (row, its first column) of the block.
int64_t entries_before(Layout layout, int64_t K, int64_t block, int64_t row) {
  const int64_t size = block_size(layout, K);
  if (row == K) return (block + 1) * size;
  return block * size + row_offset(layout, K, row) + first_column(layout, row);
}

// All bits of the one value at `at` set; a pack that is loaded `at - row` values on holds a mask of
// the diagonal's column in that row.
template <typename T>
struct DiagonalMask {
  static constexpr int at = 2 * std::max(FixedSizes::largest, Pack<T>::kSize);
  alignas(kAlignment) T values[2 * at];

  DiagonalMask() {
    std::memset(values, 0, sizeof(values));
    std::memset(values + at, 0xff, sizeof(T));
  }
};

template <typename T>
const DiagonalMask<T> kDiagonalMask;

enum class Write { kAssign, kAdd };

// Calls visit(V(), k) for packs that cover a row of K entries. Entries may be visited twice, and
// where rows follow that are written later those of the next one, too: as few packs as there can
// be.
template <typename T, typename Visit>
inline __attribute__((always_inline)) void for_whole_packs(int64_t K, bool rows_follow,
                                                           const Visit& visit) {
  using V = Pack<T>;
  if (K >= V::kSize) {
    int64_t k = 0;
    for (; k + V::kSize <= K; k += V::kSize) visit(V(T(0)), k);
    if (k < K) visit(V(T(0)), K - V::kSize);
  } else if (rows_follow) {
    visit_narrowest<V, T>(K, visit);
  } else {
    for_packs<T>(0, K, visit);
  }
}

// Each value is the sum of what it has (kAdd), psi' S, psi'' u u' and the diagonal.
template <typename T, Layout layout, Write write, bool has_S, bool has_u, bool has_diagonal>
struct PartWriter {
  template <int Kfixed>
  struct Sized {
    static void run(const BlockPart<T>& part, const T* diagonal, const Piece& piece,
                    const Target<T>& any_target) {
      const int64_t K = size_of<Kfixed>(any_target.K);
      const Target<T> target{layout, K, any_target.data, any_target.first};
      if constexpr (layout == Layout::kDense && write == Write::kAssign && kIsSmall<T, Kfixed>) {
        return run_small(part, diagonal, piece, target);
      }
      for (int64_t i = piece.first_block; i < piece.last_block; ++i) {
        const T* const S = has_S ? part.S + i * part.S_stride : nullptr;
        const T* const u = has_u ? part.u + i * K : nullptr;
        const T S_scale = has_S ? part.S_scale[i] : T(0);
        const T u_scale = has_u ? part.u_scale[i] : T(0);
        const T* const d = has_diagonal ? diagonal + i * K : nullptr;
        // A small block is always whole.
        const BlockRows rows = Kfixed > 0 ? BlockRows{0, K} : piece.rows;
        const bool is_last = i + 1 == piece.last_block;
        T* out = target.row(i, rows.first);
        for (int64_t row = rows.first; row < rows.last; ++row) {
          const auto entry_at = [&](auto v, int64_t k) __attribute__((always_inline)) {
            using V = decltype(v);
            V entry = write == Write::kAdd ? V::load_unaligned(out + k) : V(T(0));
            if constexpr (has_S) {
              entry = multiply_add(V(S_scale), V::load_unaligned(S + row * K + k), entry);
            }
            if constexpr (has_u) {
              entry =
                  entry + formula::rank_one_entry(V(u_scale), V(u[row]), V::load_unaligned(u + k));
            }
            return entry;
          };
          const auto write_pack = [&](auto v, int64_t k) __attribute__((always_inline)) {
            using V = decltype(v);
            V entry = entry_at(v, k);
            if constexpr (has_diagonal && Kfixed > 0) {
              const T* const mask = kDiagonalMask<T>.values + DiagonalMask<T>::at + (k - row);
              entry = entry + masked(V(d[row]), V::load_unaligned(mask));
            }
            entry.store_unaligned(out + k);
          };
          if constexpr (layout == Layout::kDense && Kfixed == 0 && write == Write::kAssign) {
            const bool rows_follow = (rows.last - row) * K >= Pack<T>::kSize || !is_last;
            for_whole_packs<T>(K, rows_follow, write_pack);
          } else {
            for_packs<T>(first_column(layout, row), end_column(layout, K, row), write_pack);
          }
          // Computed again: a value that has just been stored in a pack is slow to load.
          if constexpr (has_diagonal && Kfixed == 0) {
            using One = Pack<T, T>;
            (entry_at(One(T(0)), row) + One(d[row])).store_unaligned(out + row);
          }
          out += row_offset(layout, K, row + 1) - row_offset(layout, K, row);
        }
      }
    }

   private:
    static void run_small(const BlockPart<T>& part, const T* diagonal, const Piece& piece,
                          const Target<T>& target) {
      using Small = SmallBlock<T, Kfixed>;
      constexpr int64_t kEntries = Kfixed * Kfixed;
      const T* const end = target.row(piece.last_block, 0);
      T last[Small::kWritten];
      for (int64_t i = piece.first_block; i < piece.last_block; ++i) {
        T* const block = target.row(i, 0);
        const bool fits = end - block >= Small::kWritten;
        Small::template write<has_S, has_u, has_diagonal>(
            has_S ? part.S_scale[i] : T(0), has_S ? part.S + i * part.S_stride : nullptr,
            has_u ? part.u_scale[i] : T(0), has_u ? part.u + i * Kfixed : nullptr,
            has_diagonal ? diagonal + i * Kfixed : nullptr, fits ? block : last);
        if (!fits) std::memcpy(block, last, kEntries * sizeof(T));
      }
    }
  };
};

template <typename T>
using WritePart = void (*)(const BlockPart<T>&, const T*, const Piece&, const Target<T>&);

template <typename T, Layout layout, Write write, bool has_diagonal>
WritePart<T> choose_writer(const BlockPart<T>& part, int64_t K) {
  if (part.S != nullptr && part.u != nullptr) {
    return choose_size<PartWriter<T, layout, write, true, true, has_diagonal>::template Sized>(K);
  }
  if (part.S != nullptr) {
    return choose_size<PartWriter<T, layout, write, true, false, has_diagonal>::template Sized>(K);
  }
  if (part.u != nullptr) {
    return choose_size<PartWriter<T, layout, write, false, true, has_diagonal>::template Sized>(K);
  }
  return choose_size<PartWriter<T, layout, write, false, false, has_diagonal>::template Sized>(K);
}

template <typename T, Write write, bool has_diagonal>
void write_part(const BlockPart<T>& part, const T* diagonal, const Piece& piece,
                const Target<T>& target) {
  with_known_layout(target.layout, [&](auto layout) {
    if constexpr (is_full(layout)) {
      choose_writer<T, layout, write, has_diagonal>(part, target.K)(part, diagonal, piece, target);
    }
  });
}

// The diagonal comes with the first part.
template <typename T>
void compose(const std::vector<BlockPart<T>>& parts, const T* diagonal, const Piece& piece,
             const Target<T>& target) {
  const BlockPart<T> nothing{};
  const BlockPart<T>& first = parts.empty() ? nothing : parts.front();
  if (diagonal != nullptr) {
    write_part<T, Write::kAssign, true>(first, diagonal, piece, target);
  } else {
    write_part<T, Write::kAssign, false>(first, nullptr, piece, target);
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    write_part<T, Write::kAdd, false>(parts[i], nullptr, piece, target);
  }
}

template <typename T>
void put_dominating(const DominatingEntries<T>& entries, const Piece& piece,
                    const Target<T>& target) {
  const auto is_before = [](const DominatingEntry<T>& e, int64_t block) { return e.block < block; };
  const auto* e = std::lower_bound(entries.begin(), entries.end(), piece.first_block, is_before);
  for (; e != entries.end() && e->block < piece.last_block; ++e) {
    if (piece.rows.first <= e->k && e->k < piece.rows.last)
      target.row(e->block, e->k)[e->k] = e->value;
  }
}

// The diagonal's entries alone; zeros where `diagonal` is null.
template <typename T>
void put_diagonal(const T* diagonal, const Piece& piece, const Target<T>& target) {
  for (int64_t i = piece.first_block; i < piece.last_block; ++i) {
    for (int64_t k = piece.rows.first; k < piece.rows.last; ++k) {
      target.row(i, k)[k] = diagonal != nullptr ? diagonal[i * target.K + k] : T(0);
    }
  }
}

}  // namespace

template <typename T>
BlockWriter<T>::BlockWriter(Layout layout, int64_t K, bool streams, Scratch& scratch)
    : layout_(layout),
      K_(K),
      staging_(std::max<int64_t>(kPieceBytes / sizeof(T), K), streams, scratch),
      zeros_(std::max<int64_t>(kPieceBytes / sizeof(T), K), streams, scratch) {}

template <typename T>
void BlockWriter<T>::write(const std::vector<BlockPart<T>>& parts, const T* diagonal,
                           const DominatingEntries<T>& dominating, int64_t count,
                           BlockRows part_of_block, T* blocks) const {
  constexpr int64_t kPieceValues = kPieceBytes / sizeof(T);
  const int64_t K = K_;
  if (K == 0) return;
  const bool whole = K * K <= kPieceValues;
  const int64_t piece_blocks = whole ? kPieceValues / (K * K) : 1;
  const int64_t piece_rows = whole ? K : std::max<int64_t>(1, kPieceValues / K);
  for (int64_t block = 0; block < count; block += piece_blocks) {
    const int64_t last_block = std::min(block + piece_blocks, count);
    for (int64_t row = part_of_block.first; row < part_of_block.last; row += piece_rows) {
      const int64_t last_row = std::min(row + piece_rows, part_of_block.last);
      const int64_t begin = entries_before(layout_, K, block, row);
      const int64_t end = entries_before(layout_, K, last_block - 1, last_row);
      const Piece piece{block, last_block, {row, last_row}};
      if (parts.empty() && diagonal != nullptr && zeros_.streams()) {
        zeros_.write_sparse(blocks + begin, end - begin, [&](T* out, bool nonzero) {
          put_diagonal(nonzero ? diagonal : nullptr, piece, Target<T>{layout_, K, out, begin});
        });
      } else {
        staging_.write(blocks + begin, end - begin, [&](T* out) {
          const Target<T> target{layout_, K, out, begin};
          compose(parts, diagonal, piece, target);
          put_dominating(dominating, piece, target);
        });
      }
    }
  }
}

template class BlockWriter<float>;
template class BlockWriter<double>;

}  // namespace blockhess::cpu
