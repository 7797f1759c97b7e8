// Loops over the values of a row, or of the rows of a tile, in packs: the widest that fit, then
// narrower ones, then single values. Explicit, because a compiler unrolls short loops of a known
// length to single values before it gets to vectorising them (3 times slower at K = 8).
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

// The runtime K, or the compile-time constant that it equals.
template <int Kfixed>
inline int64_t size_of(int64_t K) {
  return Kfixed > 0 ? Kfixed : K;
}

// The next narrower pack; one value ends the chain.
template <typename T, typename Packet>
using Narrower = std::conditional_t<
    std::is_same_v<typename Eigen::internal::unpacket_traits<Packet>::half, Packet>, T,
    typename Eigen::internal::unpacket_traits<Packet>::half>;

// Calls visit(V(), k) for packs V that start at k and together cover [begin, end).
template <typename V, typename T, typename Visit>
inline __attribute__((always_inline)) void for_packs_from(int64_t begin, int64_t end,
                                                          const Visit& visit) {
  int64_t k = begin;
  for (; k + V::kSize <= end; k += V::kSize) visit(V(T(0)), k);
  if constexpr (V::kSize > 1) {
    using Next = Pack<T, Narrower<T, typename V::Packet>>;
    if (k < end) for_packs_from<Next, T>(k, end, visit);
  }
}

template <typename T, typename Visit>
inline __attribute__((always_inline)) void for_packs(int64_t begin, int64_t end,
                                                     const Visit& visit) {
  for_packs_from<Pack<T>, T>(begin, end, visit);
}

// Calls visit(V(), 0) for the narrowest pack of at least K values.
template <typename V, typename T, typename Visit>
inline __attribute__((always_inline)) void visit_narrowest(int64_t K, const Visit& visit) {
  if constexpr (V::kSize > 1) {
    using Next = Pack<T, Narrower<T, typename V::Packet>>;
    if (K <= Next::kSize) return visit_narrowest<Next, T>(K, visit);
  }
  visit(V(T(0)), 0);
}

// a_i in each of the K places of row i: `room` (rows, K). In packs of V or, where narrower ones
// hold a row, those, which cross fewer cache lines.
template <typename V, typename T>
inline void repeat_each(const T* a, int64_t rows, int64_t K, T* room) {
  if constexpr (V::kSize > 1) {
    using Next = Pack<T, Narrower<T, typename V::Packet>>;
    if (K <= Next::kSize) return repeat_each<Next>(a, rows, K, room);
  }
  const int64_t values = rows * K;
  for (int64_t i = 0, ik = 0; i < rows; ++i, ik += K) {
    if (K <= V::kSize && ik + V::kSize <= values) {
      V(a[i]).store_unaligned(room + ik);  // Reaches into the next row, which comes after it.
    } else {
      std::fill_n(room + ik, K, a[i]);
    }
  }
}

// The same, so that a loop over all values of a tile has full packs whatever K is; `a` itself where
// K is 1.
template <typename T>
inline const T* repeated(const T* a, int64_t rows, int64_t K, T* room) {
  if (K == 1) return a;
  repeat_each<Pack<T>>(a, rows, K, room);
  return room;
}

}  // namespace blockhess::cpu
