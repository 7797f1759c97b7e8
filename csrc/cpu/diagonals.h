// Writes what is on the diagonals of the blocks of a tile, or the traces: of the layouts that have
// no other entries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/formula.h"
#include "csrc/cpu/blocks.h"
#include "csrc/cpu/dominating.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/matrix.h"
#include "csrc/cpu/scratch.h"
#include "csrc/cpu/shared_S.h"
#include "csrc/cpu/staging.h"
#include "csrc/cpu/term_sums.h"
#include "csrc/cpu/term_tile.h"

namespace blockhess::cpu {

// out_ik += psi'' u_k^2
template <typename T>
void add_rank_one_diagonal(const T* psi2, const T* u, int64_t rows, int64_t K, T* room, T* out) {
  const T* const scales = repeated(psi2, rows, K, room);
  for_packs<T>(0, rows * K, [&](auto v, int64_t ik) {
    using V = decltype(v);
    const V u_k = V::load_unaligned(u + ik);
    (V::load_unaligned(out + ik) +
     formula::rank_one_entry(V::load_unaligned(scales + ik), u_k, u_k))
        .store_unaligned(out + ik);
  });
}

template <typename T>
struct Traces {
  // What a term adds to the traces of a tile's blocks; parts that it has not are null.
  struct Part {
    const T* S;
    int64_t S_stride;
    T shared_S_trace;  // where S_stride is 0
    const T *phi2, *psi1;
    const T *u, *psi2;
  };

  template <int Kfixed>
  struct Add {
    // out_i += psi' (tr S + sum_k phi''_k) + psi'' u'u
    static void run(const Part& part, int64_t rows, int64_t K, T* out) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) {
        T S_trace = part.shared_S_trace, D_trace(0), u_u(0);
        if (part.S_stride != 0) S_trace = trace(part.S + i * part.S_stride, K);
        if (part.phi2 != nullptr) D_trace = sum<Kfixed>(part.phi2 + i * K, K);
        if (part.u != nullptr) u_u = dot<Kfixed>(part.u + i * K, part.u + i * K, K);
        out[i] += formula::trace(part.psi1[i], S_trace, D_trace, part.psi2[i], u_u);
      }
    }
  };
};

template <typename T>
class DiagonalWriter {
 public:
  // `layout` has entries, but is not full.
  DiagonalWriter(const TermsArguments<T>& arguments, const SharedS<T>& shared_S, TileShape shape,
                 bool streams, Scratch& scratch)
      : sums_(arguments.layout == Layout::kTrace),
        K_(arguments.K),
        room_(scratch.take<T>(shape.values())),
        staging_(std::max(shape.values(), shape.rows), streams, scratch) {
    for (int t = 0; t < arguments.num_terms; ++t) {
      const T* const S = shared_S[t];
      S_traces_.push_back(sums_ && S != nullptr ? trace(S, K_) : T(0));
      S_diagonals_.push_back(nullptr);
      if (sums_ || !arguments.terms[t].quadratic) continue;
      S_diagonals_[t] = scratch.take<T>(shape.values());
      if (S == nullptr || S_diagonals_[t] == nullptr) continue;
      copy_diagonals(S, 0, shape.rows, K_, S_diagonals_[t]);
    }
  }

  // Writes those of `rows` blocks; `out` is where the first starts.
  void write(const std::vector<TermTile<T>>& tiles, const DominatingEntries<T>& dominating,
             int64_t rows, T* out) const {
    if (sums_) {
      staging_.write(out, rows, [&](T* to) { compose_traces(tiles, dominating, rows, to); });
    } else {
      staging_.write(out, rows * K_, [&](T* to) { compose(tiles, dominating, rows, to); });
    }
  }

 private:
  void compose(const std::vector<TermTile<T>>& tiles, const DominatingEntries<T>& dominating,
               int64_t rows, T* out) const {
    std::fill_n(out, rows * K_, T(0));
    add_diagonal(tiles, rows, K_, room_, out);
    for (size_t t = 0; t < tiles.size(); ++t) {
      const TermTile<T>& tile = tiles[t];
      if (tile.has_S() && tile.has_psi(1)) {
        if (tile.S_stride() != 0) {
          copy_diagonals(tile.S(), tile.S_stride(), rows, K_, S_diagonals_[t]);
        }
        add_scaled_by_psi1(tile, S_diagonals_[t], rows, K_, room_, out);
      }
      if (tile.has_psi(2)) {
        add_rank_one_diagonal(tile.scaled_psi2(), tile.scaled_u(), rows, K_, room_, out);
      }
    }
    for (const auto& [row, k, value] : dominating) out[row * K_ + k] = value;
  }

  void compose_traces(const std::vector<TermTile<T>>& tiles, const DominatingEntries<T>& dominating,
                      int64_t rows, T* out) const {
    std::fill_n(out, rows, T(0));
    for (size_t t = 0; t < tiles.size(); ++t) {
      const TermTile<T>& tile = tiles[t];
      const bool has_S = tile.has_S() && tile.has_psi(1);
      const bool has_D = tile.has_phi(2) && tile.has_psi(1);
      const typename Traces<T>::Part part{has_S ? tile.S() : nullptr,
                                          has_S ? tile.S_stride() : 0,
                                          has_S ? S_traces_[t] : T(0),
                                          has_D ? tile.phi(2) : nullptr,
                                          tile.psi(1),
                                          tile.has_psi(2) ? tile.scaled_u() : nullptr,
                                          tile.scaled_psi2()};
      choose_size<Traces<T>::template Add>(K_)(part, rows, K_, out);
      if (tile.is_norm()) replace_dominated_traces(tile, K_, dominating, out);
    }
  }

  bool sums_;  // whether the traces are wanted
  int64_t K_;
  T* room_;
  Staging<T> staging_;
  std::vector<T> S_traces_;      // of the S that a term has for all rows
  std::vector<T*> S_diagonals_;  // (rows, K) of a term with an S
};

}  // namespace blockhess::cpu
