// Estimates of work in cycles, for the thread pool to choose how many shards are worth their start.
#pragma once

#include <cstdint>

#include "csrc/core/term.h"

namespace blockhess::cpu {

// A vectorised exp or log takes about two cycles per value, an addition a fraction of one.
inline int64_t cost_per_value(const Program& program) {
  return 2 + 2 * static_cast<int64_t>(program.instructions.size());
}

// Without the writing of blocks.
inline int64_t cost_per_row(int num_terms, const Term* terms, int64_t K) {
  int64_t cost = 0;
  for (int t = 0; t < num_terms; ++t) {
    const Term& term = terms[t];
    cost += cost_per_value(term.psi) + 4 * K;
    if (term.phi) cost += K * cost_per_value(*term.phi);
    if (term.quadratic) cost += K * K / 2;
  }
  return cost;
}

}  // namespace blockhess::cpu
