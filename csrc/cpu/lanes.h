// Rearranging and combining the lanes of packs.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

// The widest pack that K values fill; K = 0 means many values.
template <typename T, int K, typename V = Pack<T>, bool fits = (K == 0 || V::kSize <= K)>
struct WidestPack {
  using type = V;
};
template <typename T, int K, typename V>
struct WidestPack<T, K, V, false> : WidestPack<T, K, Pack<T, Narrower<T, typename V::Packet>>> {};

template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

// The lanes from `first` on; zero before it.
template <typename T, typename P>
inline Pack<T, P> keep_from(Pack<T, P> a, int64_t first) {
  constexpr int kSize = Pack<T, P>::kSize;
  using Bits = BitsOf<T>;
  struct Table {
    Bits bits[2 * kSize];
    constexpr Table() : bits{} {
      for (int i = kSize; i < 2 * kSize; ++i) bits[i] = ~Bits(0);
    }
  };
  static constexpr Table kTable;
  const auto* const mask = reinterpret_cast<const T*>(kTable.bits + kSize - first);
  return Pack<T, P>::from(Eigen::internal::pand(Eigen::internal::ploadu<P>(mask), a.packet));
}

// A bit for each lane of a mask: whether it is set.
template <typename T, typename P>
inline uint32_t bits_of(P mask) {
#if defined(__AVX512DQ__)
  if constexpr (sizeof(P) == 64 && sizeof(T) == 4) return _mm512_movepi32_mask(__m512i(mask));
  if constexpr (sizeof(P) == 64 && sizeof(T) == 8) return _mm512_movepi64_mask(__m512i(mask));
#endif
#if defined(__AVX__)
  if constexpr (sizeof(P) == 32 && sizeof(T) == 4) return _mm256_movemask_ps(mask);
  if constexpr (sizeof(P) == 32 && sizeof(T) == 8) return _mm256_movemask_pd(mask);
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(P) == 16 && sizeof(T) == 4) return _mm_movemask_ps(mask);
  if constexpr (sizeof(P) == 16 && sizeof(T) == 8) return _mm_movemask_pd(mask);
#endif
  T lanes[Pack<T, P>::kSize];
  Pack<T, P>::from(mask).store_unaligned(lanes);
  uint32_t bits = 0;
  for (int i = 0; i < Pack<T, P>::kSize; ++i) bits |= uint32_t{lanes[i] != 0} << i;
  return bits;
}

// Lane i of the result is lane lanes[i] of a and b joined.
template <int... lanes, typename P>
inline P shuffle(P a, P b) {
#ifdef __clang__
  return __builtin_shufflevector(a, b, lanes...);
#else
  constexpr int kSize = sizeof...(lanes);
  using Index = std::conditional_t<sizeof(P) / kSize == 4, int32_t, int64_t>;
  typedef Index Indexes __attribute__((vector_size(sizeof(P))));
  return __builtin_shuffle(a, b, Indexes{lanes...});
#endif
}

// Stores an AVX-512 pack, which is a cache line, as two halves: where the line is not in the
// core's own caches a Zen 5 is slower to take it whole.
template <typename T>
inline void store_in_halves(Pack<T> a, T* out) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<typename Pack<T>::Packet, Eigen::internal::Packet16f>) {
    _mm256_storeu_ps(out, _mm512_castps512_ps256(a.packet));
    _mm256_storeu_ps(out + 8, _mm512_extractf32x8_ps(a.packet, 1));
    return;
  } else if constexpr (std::is_same_v<typename Pack<T>::Packet, Eigen::internal::Packet8d>) {
    _mm256_storeu_pd(out, _mm512_castpd512_pd256(a.packet));
    _mm256_storeu_pd(out + 4, _mm512_extractf64x4_pd(a.packet, 1));
    return;
  }
#endif
  a.store_unaligned(out);
}

// Adds each lane of a to the lane `distance` from it, and so in b. The sums of a are in the lanes
// whose number lacks the bit `distance`, those of b in the others.
template <int distance, typename T, typename P, int... lanes>
inline Pack<T, P> add_neighbours(Pack<T, P> a, Pack<T, P> b, std::integer_sequence<int, lanes...>) {
  constexpr int kSize = sizeof...(lanes);
  const auto own = shuffle<((lanes & distance) ? lanes + kSize : lanes)...>(a.packet, b.packet);
  const auto other = shuffle<((lanes & distance) ? lanes - distance + kSize : lanes + distance)...>(
      a.packet, b.packet);
  return Pack<T, P>::from(Eigen::internal::padd(own, other));
}

// The sums of `count` packs, in as few packs as hold them: of packs[i] in lane i % kSize of
// packs[i / kSize]. Fewer instructions than one sum after the other, and no single values, which a
// later load of a whole pack would have to wait for.
template <int count, int distance = 1, typename V>
inline __attribute__((always_inline)) void sum_each(V* packs) {
  if constexpr (distance < V::kSize) {
    constexpr auto kLanes = std::make_integer_sequence<int, V::kSize>();
    constexpr int kPairs = (count + 1) / 2;
#pragma GCC unroll 8
    for (int i = 0; i < kPairs; ++i) {
      const int second = 2 * i + 1 < count ? 2 * i + 1 : 2 * i;
      packs[i] = add_neighbours<distance>(packs[2 * i], packs[second], kLanes);
    }
    sum_each<kPairs, 2 * distance>(packs);
  }
}

}  // namespace blockhess::cpu
