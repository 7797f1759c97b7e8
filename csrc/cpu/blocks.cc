#include "csrc/cpu/blocks.h"

#include <algorithm>
#include <cstring>

#include "csrc/core/formula.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/matrix.h"

namespace blockhess::cpu {

namespace {

// A piece of a tile's output that stays in the first-level cache while the parts are summed there:
// whole blocks, or some rows of one large block.
struct Piece {
  int64_t first_block, last_block;
  int64_t first_row, last_row;
};

template <typename T>
struct Target {
  Layout layout;
  int64_t K;
  T* blocks;

  T* row(int64_t block, int64_t row) const {
    return blocks + block * block_size(layout, K) + row_offset(layout, K, row);
  }
};

enum class Write { kAssign, kAdd };

template <typename T, Write write, bool has_S, bool has_u>
struct PartWriter {
  template <int Kfixed>
  struct Sized {
    static void run(const BlockPart<T>& part, const Piece& piece, const Target<T>& target) {
      const int64_t K = size_of<Kfixed>(target.K);
      const bool packed = target.layout == Layout::kPacked;
      const bool whole = Kfixed > 0;
      for (int64_t i = piece.first_block; i < piece.last_block; ++i) {
        const T* const S = has_S ? part.S + i * part.S_stride : nullptr;
        const T* const u = has_u ? part.u + i * K : nullptr;
        const T S_scale = has_S ? part.S_scale[i] : T(0);
        const T u_scale = has_u ? part.u_scale[i] : T(0);
        for (int64_t row = whole ? 0 : piece.first_row; row < (whole ? K : piece.last_row); ++row) {
          T* const out = target.row(i, row);
          for_packs<T>(packed ? row : 0, K, [&](auto v, int64_t k) {
            using V = decltype(v);
            V entry = write == Write::kAdd ? V::load_unaligned(out + k) : V(T(0));
            if constexpr (has_S) {
              entry = multiply_add(V(S_scale), V::load_unaligned(S + row * K + k), entry);
            }
            if constexpr (has_u) {
              entry =
                  entry + formula::rank_one_entry(V(u_scale), V(u[row]), V::load_unaligned(u + k));
            }
            entry.store_unaligned(out + k);
          });
        }
      }
    }
  };
};

template <typename T>
using WritePart = void (*)(const BlockPart<T>&, const Piece&, const Target<T>&);

template <typename T, Write write>
WritePart<T> choose_writer(const BlockPart<T>& part, int64_t K) {
  if (part.S == nullptr) return choose_size<PartWriter<T, write, false, true>::template Sized>(K);
  if (part.u == nullptr) return choose_size<PartWriter<T, write, true, false>::template Sized>(K);
  return choose_size<PartWriter<T, write, true, true>::template Sized>(K);
}

template <typename T>
void write_zeros(const Piece& piece, const Target<T>& target) {
  const bool last = piece.last_row == target.K;
  for (int64_t i = piece.first_block; i < piece.last_block; ++i) {
    const int64_t first_entry = target.layout == Layout::kPacked ? piece.first_row : 0;
    T* const begin = target.row(i, piece.first_row) + first_entry;
    T* const end = last ? target.blocks + (i + 1) * block_size(target.layout, target.K)
                        : target.row(i, piece.last_row) +
                              (target.layout == Layout::kPacked ? piece.last_row : 0);
    std::fill(begin, end, T(0));
  }
}

template <typename T>
struct Diagonal {
  template <int Kfixed>
  struct Adder {
    static void run(const T* __restrict diagonal, const Piece& piece, const Target<T>& target) {
      const int64_t K = size_of<Kfixed>(target.K);
      for (int64_t i = piece.first_block; i < piece.last_block; ++i) {
        for (int64_t k = piece.first_row; k < piece.last_row; ++k) {
          target.row(i, k)[k] += diagonal[i * K + k];
        }
      }
    }
  };
};

}  // namespace

template <typename T>
void write_blocks(const std::vector<BlockPart<T>>& parts, const T* diagonal, Layout layout,
                  int64_t rows, int64_t K, T* blocks) {
  if (K == 0) return;
  constexpr int64_t kPieceValues = (32 << 10) / sizeof(T);
  const Target<T> target{layout, K, blocks};
  const int64_t piece_blocks = K * K <= kPieceValues ? kPieceValues / (K * K) : 1;
  // The writers for a small K take whole blocks, which such blocks always allow.
  const int64_t piece_rows = K * K <= kPieceValues ? K : std::max<int64_t>(1, kPieceValues / K);
  for (int64_t block = 0; block < rows; block += piece_blocks) {
    for (int64_t row = 0; row < K; row += piece_rows) {
      const Piece piece{block, std::min(block + piece_blocks, rows), row,
                        std::min(row + piece_rows, K)};
      bool written = false;
      for (const BlockPart<T>& part : parts) {
        if (part.empty()) continue;
        const auto write = written ? choose_writer<T, Write::kAdd>(part, K)
                                   : choose_writer<T, Write::kAssign>(part, K);
        write(part, piece, target);
        written = true;
      }
      if (!written) write_zeros(piece, target);
      if (diagonal != nullptr) choose_size<Diagonal<T>::template Adder>(K)(diagonal, piece, target);
    }
  }
}

template void write_blocks(const std::vector<BlockPart<float>>&, const float*, Layout, int64_t,
                           int64_t, float*);
template void write_blocks(const std::vector<BlockPart<double>>&, const double*, Layout, int64_t,
                           int64_t, double*);

}  // namespace blockhess::cpu
