// Whole dense blocks so small that a row fits a pack. A block is written as the flat list of its
// entries, pack by pack: the rows and columns that the lanes of a pack belong to are known when
// this is compiled, and shuffles bring the values of u and of the diagonal there. The last pack of
// a block reaches into the next block, which is written after it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "csrc/core/formula.h"
#include "csrc/cpu/lanes.h"
#include "csrc/cpu/pack.h"

namespace blockhess::cpu {

template <typename T, int K>
inline constexpr bool kIsSmall = 1 < Pack<T>::kSize && 0 < K && K <= Pack<T>::kSize;

template <typename T, int K>
class SmallBlock {
  using V = Pack<T>;
  static constexpr int kSize = V::kSize;
  static constexpr int kEntries = K * K;
  static constexpr int kPacks = (kEntries + kSize - 1) / kSize;
  static constexpr auto kLanes = std::make_integer_sequence<int, kSize>();

  // The place of an entry; those behind the block's last count as the last.
  static constexpr int row(int entry) { return std::min(entry, kEntries - 1) / K; }
  static constexpr int column(int entry) { return std::min(entry, kEntries - 1) % K; }

 public:
  // Values that write() writes: whole packs. It reads whole packs of S, u and the diagonal, too.
  static constexpr int kWritten = kPacks * kSize;

  // out = S_scale S + u_scale u u' + diag(diagonal), each part where it is.
  template <bool has_S, bool has_u, bool has_diagonal>
  static void write(T S_scale, const T* S, T u_scale, const T* u, const T* diagonal, T* out) {
    V u_pack, d_pack;
    if (has_u) u_pack = V::load_unaligned(u);
    if (has_diagonal) d_pack = V::load_unaligned(diagonal);
    write_packs<has_S, has_u, has_diagonal>(V(S_scale), S, V(u_scale), u_pack, d_pack, out,
                                            std::make_integer_sequence<int, kPacks>());
  }

 private:
  template <bool has_S, bool has_u, bool has_diagonal, int... packs>
  static __attribute__((always_inline)) void write_packs(V S_scale, const T* S, V u_scale, V u,
                                                         V diagonal, T* out,
                                                         std::integer_sequence<int, packs...>) {
    (write_pack<has_S, has_u, has_diagonal, packs>(S_scale, S, u_scale, u, diagonal, out), ...);
  }

  template <bool has_S, bool has_u, bool has_diagonal, int pack>
  static __attribute__((always_inline)) void write_pack(V S_scale, const T* S, V u_scale, V u,
                                                        V diagonal, T* out) {
    constexpr int first = pack * kSize;
    V entry(T(0));
    if constexpr (has_S) {
      entry = multiply_add(S_scale, V::load_unaligned(S + first), entry);
    }
    if constexpr (has_u) {
      entry = entry + formula::rank_one_entry(u_scale, of_rows<first>(u, kLanes),
                                              of_columns<first>(u, kLanes));
    }
    if constexpr (has_diagonal) {
      entry = entry + masked(of_rows<first>(diagonal, kLanes), V::load(is_diagonal<first>(kLanes)));
    }
    // At K = 4 one store is 1.15 times as fast, at K = 8 and 16 two are 1.1 to 1.3 times.
    if constexpr (kEntries >= 64) {
      store_in_halves(entry, out + first);
    } else {
      entry.store_unaligned(out + first);
    }
  }

  template <int first, int... lanes>
  static V of_rows(V a, std::integer_sequence<int, lanes...>) {
    return V::from(shuffle<row(first + lanes)...>(a.packet, a.packet));
  }
  template <int first, int... lanes>
  static V of_columns(V a, std::integer_sequence<int, lanes...>) {
    return V::from(shuffle<column(first + lanes)...>(a.packet, a.packet));
  }

  // All bits of the lanes whose entry is on the diagonal set.
  template <int first, int... lanes>
  static const T* is_diagonal(std::integer_sequence<int, lanes...>) {
    using Bits = BitsOf<T>;
    alignas(64) static constexpr Bits bits[] = {
        (row(first + lanes) == column(first + lanes) ? ~Bits(0) : Bits(0))...};
    return reinterpret_cast<const T*>(bits);
  }
};

}  // namespace blockhess::cpu
