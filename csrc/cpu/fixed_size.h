// Chooses, once per call, the version of a function that is compiled for this K.
#pragma once

#include <algorithm>
#include <cstdint>

namespace blockhess::cpu {

// The K for which loops over a row are unrolled; each costs the compiler seconds. Any other K has
// loops over packs: at K = 10 they take up to 1.8 times as long as code of its own, at K = 33 no
// longer.
#ifndef BLOCKHESS_FIXED_SIZES
#define BLOCKHESS_FIXED_SIZES 1, 2, 3, 4, 5, 6, 7, 8, 12, 16
#endif

template <int... sizes>
struct Sizes {
  static constexpr int largest = std::max({0, sizes...});

  // Family<Kfixed>::run for the K given, with Kfixed = 0 the one for any K.
  template <template <int> class Family>
  static auto choose(int64_t K) {
    auto chosen = &Family<0>::run;
    ((K == sizes ? void(chosen = &Family<sizes>::run) : void()), ...);
    return chosen;
  }
};
using FixedSizes = Sizes<BLOCKHESS_FIXED_SIZES>;

template <template <int> class Family>
auto choose_size(int64_t K) {
  return FixedSizes::choose<Family>(K);
}

}  // namespace blockhess::cpu
