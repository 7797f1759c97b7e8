// The systems (H + damping I) p = -g of a few rows at a time, one row in each lane of V: a pack or,
// where blocks are large, a single value. Blocks are composed in working memory and nowhere else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "csrc/core/formula.h"
#include "csrc/core/modified_cholesky.h"
#include "csrc/cpu/blocks.h"
#include "csrc/cpu/pack.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// What the systems of a tile of rows are made of.
template <typename T>
struct TileSystems {
  const std::vector<BlockPart<T>>& parts;
  const T* diagonal;  // (rows, K); null where there is none
  const T* gradient;  // (rows, K)
};

template <typename T, typename V>
inline constexpr int64_t kLanes = sizeof(V) / sizeof(T);

// K values, each of them in one lane of a V of its own.
template <typename T, typename V>
inline void put_lane(const T* values, int64_t K, int64_t lane, V* out) {
  T* const first = reinterpret_cast<T*>(out) + lane;
  for (int64_t k = 0; k < K; ++k) first[k * kLanes<T, V>] = values[k];
}

// The pivots of a group of rows, and what is not zero where an entry of a block is not finite.
template <typename V>
struct Factor {
  const V* d;
  V defect;
};

// H = D + c u u', at most one part without S: O(K) a row.
template <typename T, typename V>
class RankOneGroup {
 public:
  RankOneGroup(int64_t K, int, Scratch& scratch)
      : K_(K),
        D_(scratch.take<V>(K)),
        u_(scratch.take<V>(K)),
        damped_(scratch.take<V>(K)),
        later_(scratch.take<V>(K)),
        d_(scratch.take<V>(K)),
        scaled_(scratch.take<V>(K)) {}

  // Row i of the tile.
  void put(const TileSystems<T>& tile, int64_t i, int64_t lane) {
    if (tile.diagonal != nullptr) put_lane(tile.diagonal + i * K_, K_, lane, D_);
    if (tile.parts.empty()) return;
    put_lane(tile.parts[0].u + i * K_, K_, lane, u_);
    put_lane(tile.parts[0].u_scale + i, 1, lane, &c_);
  }

  // p holds -g and becomes the solution.
  Factor<V> solve(V damping, bool modify, V* p) {
    for (int64_t k = 0; k < K_; ++k) damped_[k] = D_[k] + damping;
    const Magnitudes<V> of_H = magnitudes(damped_, c_, u_, K_, later_);
    const Pivots<T, V> pivots(of_H, K_, modify);
    solve_rank_one(pivots, damped_, c_, u_, later_, K_, d_, scaled_, p);
    return {d_, of_H.defect};
  }

 private:
  int64_t K_;
  V *D_, *u_, *damped_, *later_, *d_, *scaled_;
  V c_{T(0)};
};

// Any H.
template <typename T, typename V>
class DenseGroup {
 public:
  DenseGroup(int64_t K, int num_parts, Scratch& scratch)
      : K_(K),
        C_(scratch.take<V>(K * K)),
        D_(scratch.take<V>(K)),
        d_(scratch.take<V>(K)),
        inverse_d_(scratch.take<V>(K)),
        scaled_(scratch.take<V>(K * kRowsTogether)) {
    for (int p = 0; p < num_parts; ++p) parts_.push_back({scratch.take<V>(K), V(T(0)), V(T(0))});
  }

  void put(const TileSystems<T>& tile, int64_t i, int64_t lane) {
    if (lane == 0) has_row_S_ = false;
    if (tile.diagonal != nullptr) put_lane(tile.diagonal + i * K_, K_, lane, D_);
    for (size_t p = 0; p < tile.parts.size(); ++p) {
      const BlockPart<T>& part = tile.parts[p];
      Part& own = parts_[p];
      own.has_u = part.u != nullptr;
      own.shared_S = part.S_stride == 0 ? part.S : nullptr;
      if (own.has_u) put_lane(part.u + i * K_, K_, lane, own.u);
      if (own.has_u) put_lane(part.u_scale + i, 1, lane, &own.u_scale);
      if (own.shared_S != nullptr) put_lane(part.S_scale + i, 1, lane, &own.S_scale);
      if (part.S != nullptr && part.S_stride != 0) put_S(part, i, lane);
    }
  }

  Factor<V> solve(V damping, bool modify, V* p) {
    Magnitudes<V> of_H;
    for (int64_t j = 0; j < K_; ++j) {
      V* const row = C_ + j * K_;
      compose(j, row);
      row[j] = row[j] + (D_[j] + damping);
      of_H.add_diagonal(row[j]);
      of_H.add_beside(row + j + 1, K_ - j - 1);
    }
    factorise(Pivots<T, V>(of_H, K_, modify), K_, C_, d_, inverse_d_, scaled_);
    substitute(C_, inverse_d_, K_, p);
    return {d_, of_H.defect};
  }

 private:
  struct Part {
    V* u;
    V u_scale, S_scale;
    bool has_u = false;
    const T* shared_S = nullptr;
  };

  // C += S_scale S, in one lane; the first such part of a group starts from zeros.
  void put_S(const BlockPart<T>& part, int64_t i, int64_t lane) {
    if (!has_row_S_) std::fill_n(C_, K_ * K_, V(T(0)));
    has_row_S_ = true;
    const T* const S = part.S + i * part.S_stride;
    const T scale = part.S_scale[i];
    for (int64_t j = 0; j < K_; ++j) {
      T* const row = reinterpret_cast<T*>(C_ + j * K_) + lane;
      for (int64_t k = j; k < K_; ++k) row[k * kLanes<T, V>] += scale * S[j * K_ + k];
    }
  }

  // Row j from the diagonal on: what the parts add to it.
  void compose(int64_t j, V* row) const {
    if (!has_row_S_) std::fill(row + j, row + K_, V(T(0)));
    for (const Part& part : parts_) {
      if (part.shared_S != nullptr) {
        const T* const S = part.shared_S + j * K_;
        for (int64_t k = j; k < K_; ++k) row[k] = multiply_add(part.S_scale, V(S[k]), row[k]);
      }
      if (!part.has_u) continue;
      for (int64_t k = j; k < K_; ++k) {
        row[k] = row[k] + formula::rank_one_entry(part.u_scale, part.u[j], part.u[k]);
      }
    }
  }

  int64_t K_;
  V *C_, *D_, *d_, *inverse_d_, *scaled_;
  std::vector<Part> parts_;
  bool has_row_S_ = false;
};

}  // namespace blockhess::cpu
