// Chooses, once per call, the version of a function that is compiled for this K.
#pragma once

#include <cstdint>
#include <utility>

namespace blockhess::cpu {

// Up to here a row's loops are unrolled for the exact K; beyond, loops over packs are as good. A
// build with a sanitizer has fewer: each costs the compiler seconds there.
#ifndef BLOCKHESS_LARGEST_FIXED_SIZE
#define BLOCKHESS_LARGEST_FIXED_SIZE 16
#endif
inline constexpr int kLargestFixedSize = BLOCKHESS_LARGEST_FIXED_SIZE;

// Family<Kfixed>::run for the K given, with Kfixed = 0 the one for any K.
template <template <int> class Family, int... sizes>
auto choose_size(int64_t K, std::integer_sequence<int, sizes...>) {
  using Function = decltype(&Family<0>::run);
  constexpr Function kFunctions[] = {&Family<sizes>::run...};
  return kFunctions[K <= kLargestFixedSize ? K : 0];
}

template <template <int> class Family>
auto choose_size(int64_t K) {
  return choose_size<Family>(K, std::make_integer_sequence<int, kLargestFixedSize + 1>());
}

}  // namespace blockhess::cpu
