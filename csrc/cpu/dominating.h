// The cells of a norm that outweigh the others of their rows: what they have on the diagonal.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/core/formula.h"
#include "csrc/cpu/blocks.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/lanes.h"
#include "csrc/cpu/term_tile.h"

namespace blockhess::cpu {

template <typename T>
struct Dominating {
  // What find() and the like read of a tile.
  struct Rows {
    const T *phi, *phi2;                  // (rows, K)
    const T *psi1, *s, *offset, *limits;  // (rows)
  };

  template <int Kfixed>
  struct Find {
    // Writes at most one entry a row, and returns how many.
    static int64_t run(const Rows& tile, int64_t rows, int64_t K, DominatingEntry<T>* out) {
      K = size_of<Kfixed>(K);
      // One word has a bit for each value of so many rows; wide rows go one by one.
      const int64_t step = Kfixed > 0 ? 64 / K : 1;
      int64_t count = 0;
      for (int64_t first = 0; first < rows; first += step) {
        const int64_t last = std::min(first + step, rows);
        uint64_t cells = 0;
        for (int64_t i = first; i < last; ++i) {
          cells |= reaching(tile.phi + i * K, tile.limits[i], K) << (i - first) * K;
        }
        while (cells != 0) {
          const int64_t row = Kfixed > 0 ? __builtin_ctzll(cells) / K : 0;
          out[count++] = entry(tile, first + row, K);
          cells = Kfixed > 0 ? cells & (~uint64_t(0) << row * K << K) : 0;
        }
      }
      return count;
    }

   private:
    // A bit for each cell of a row that reaches its limit; of a wide row only whether one does.
    static uint64_t reaching(const T* phi, T limit, int64_t K) {
      uint64_t cells = 0;
      const auto visit = [&](auto v, int64_t k) {
        using V = decltype(v);
        const auto mask =
            Eigen::internal::pcmp_le(V(limit).packet, V::load_unaligned(phi + k).packet);
        if constexpr (Kfixed > 0) {
          cells |= uint64_t{bits_of<T>(mask)} << k;
        } else {
          cells |= Eigen::internal::predux_any(mask);
        }
      };
      if constexpr (0 < Kfixed && Kfixed <= Pack<T>::kSize) {
        visit_narrowest<Pack<T>, T>(Kfixed, visit);
        return cells & ~uint64_t(0) >> (64 - Kfixed);
      } else {
        for_packs<T>(0, K, visit);
        return cells;
      }
    }

    static DominatingEntry<T> entry(const Rows& tile, int64_t i, int64_t K) {
      K = size_of<Kfixed>(K);
      const T* const phi = tile.phi + i * K;
      T largest = phi[0], others = tile.offset[i];
      int64_t at = 0;
      // Without branches: which cell it is cannot be foreseen.
      for (int64_t k = 1; k < K; ++k) {
        at += (k - at) * static_cast<int64_t>(phi[k] > largest);
        others += std::min(phi[k], largest);
        largest = std::max(phi[k], largest);
      }
      return {i, at,
              formula::dominating_entry(tile.psi1[i], tile.phi2[i * K + at], others,
                                        tile.s[i] + tile.offset[i])};
    }
  };
};

// `limits` is (rows).
template <typename T>
int64_t find_dominating(const TermTile<T>& tile, int64_t rows, int64_t K, T* limits,
                        DominatingEntry<T>* out) {
  if (K == 0) return 0;
  const T *const s = tile.s(), *const offset = tile.psi(3);
  for (int64_t i = 0; i < rows; ++i) limits[i] = formula::dominating_phi(s[i] + offset[i]);
  const typename Dominating<T>::Rows read{tile.phi(0), tile.phi(2), tile.psi(1), s, offset, limits};
  return choose_size<Dominating<T>::template Find>(K)(read, rows, K, out);
}

// The traces of the rows that have such a cell: the sums of their diagonals.
template <typename T>
void replace_dominated_traces(const TermTile<T>& tile, int64_t K,
                              const DominatingEntries<T>& entries, T* traces) {
  for (const auto& [row, k, value] : entries) {
    const T psi1 = tile.psi(1)[row], psi2 = tile.scaled_psi2()[row];
    T total = value;
    for (int64_t j = 0; j < K; ++j) {
      const T u = tile.scaled_u()[row * K + j];
      if (j != k) total += psi1 * tile.phi(2)[row * K + j] + formula::rank_one_entry(psi2, u, u);
    }
    traces[row] = total;
  }
}

}  // namespace blockhess::cpu
