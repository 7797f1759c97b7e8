// The cells of a norm that outweigh the others of their rows: what they have on the diagonal.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/core/formula.h"
#include "csrc/cpu/blocks.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/term_tile.h"

namespace blockhess::cpu {

template <typename T>
struct Dominating {
  template <int Kfixed>
  static bool any_reaches(const T* phi, int64_t K, T limit) {
    bool found = false;
    for_packs<T>(0, size_of<Kfixed>(K), [&](auto v, int64_t k) {
      using V = decltype(v);
      if constexpr (V::kSize == 1) {
        found |= phi[k] >= limit;
      } else {
        const auto values = V::load_unaligned(phi + k).packet;
        found |= Eigen::internal::predux_any(Eigen::internal::pcmp_le(V(limit).packet, values));
      }
    });
    return found;
  }

  template <int Kfixed>
  struct Find {
    // Writes at most one entry a row, and returns how many.
    static int64_t run(const TermTile<T>& tile, int64_t rows, int64_t K, DominatingEntry<T>* out) {
      K = size_of<Kfixed>(K);
      const T *const s = tile.s(), *const offset = tile.psi(3), *const psi1 = tile.psi(1);
      const T *const all_phi = tile.phi(0), *const all_phi2 = tile.phi(2);
      int64_t count = 0;
      for (int64_t i = 0; i < rows; ++i) {
        const T* const phi = all_phi + i * K;
        const T t = s[i] + offset[i];
        if (!any_reaches<Kfixed>(phi, K, formula::dominating_phi(t))) continue;
        T largest = phi[0], others = offset[i];
        int64_t at = 0;
        // Without branches: which cell it is cannot be foreseen.
        for (int64_t k = 1; k < K; ++k) {
          at += (k - at) * static_cast<int64_t>(phi[k] > largest);
          others += std::min(phi[k], largest);
          largest = std::max(phi[k], largest);
        }
        const T phi2 = all_phi2[i * K + at];
        out[count].block = i;
        out[count].k = at;
        out[count].value = formula::dominating_entry(psi1[i], phi2, others, t);
        ++count;
      }
      return count;
    }
  };
};

template <typename T>
int64_t find_dominating(const TermTile<T>& tile, int64_t rows, int64_t K, DominatingEntry<T>* out) {
  return K > 0 ? choose_size<Dominating<T>::template Find>(K)(tile, rows, K, out) : 0;
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
