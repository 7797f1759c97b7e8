// Pack<T>: as many values as a vector register of this build's instruction set holds, with the
// operators and functions that the instruction table uses. A thin layer over Eigen's packets, which
// exist for every instruction set and carry the vectorised elementary functions.
#pragma once

#include <cstdint>

#include "Eigen/Core"
#include "csrc/core/gamma_functions.h"
#include "csrc/core/scalar_math.h"
#include "unsupported/Eigen/SpecialFunctions"

namespace blockhess {

// The widest packet by default; narrower ones, down to one value, serve the ends of rows.
template <typename T, typename PacketType = typename Eigen::internal::packet_traits<T>::type>
struct Pack {
  using Packet = PacketType;
  using Traits = Eigen::internal::packet_traits<T>;
  static constexpr int kSize = Eigen::internal::unpacket_traits<Packet>::size;

  Packet packet;

  Pack() = default;
  explicit Pack(T value) : packet(Eigen::internal::pset1<Packet>(value)) {}

  static Pack from(const Packet& packet) {
    Pack result;
    result.packet = packet;
    return result;
  }
  static Pack load(const T* aligned) { return from(Eigen::internal::pload<Packet>(aligned)); }
  static Pack load_unaligned(const T* data) { return from(Eigen::internal::ploadu<Packet>(data)); }
  void store(T* aligned) const { Eigen::internal::pstore<T, Packet>(aligned, packet); }
  void store_unaligned(T* data) const { Eigen::internal::pstoreu<T, Packet>(data, packet); }
};

// What a comparison of packs gives: all bits of a lane set, or none.
template <typename T>
struct Mask {
  typename Pack<T>::Packet packet;
};

template <typename T, typename P>
inline Pack<T, P> operator+(Pack<T, P> a, Pack<T, P> b) {
  return Pack<T, P>::from(Eigen::internal::padd(a.packet, b.packet));
}
template <typename T, typename P>
inline Pack<T, P> operator-(Pack<T, P> a, Pack<T, P> b) {
  return Pack<T, P>::from(Eigen::internal::psub(a.packet, b.packet));
}
template <typename T, typename P>
inline Pack<T, P> operator*(Pack<T, P> a, Pack<T, P> b) {
  return Pack<T, P>::from(Eigen::internal::pmul(a.packet, b.packet));
}
template <typename T, typename P>
inline Pack<T, P> operator/(Pack<T, P> a, Pack<T, P> b) {
  return Pack<T, P>::from(Eigen::internal::pdiv(a.packet, b.packet));
}
template <typename T, typename P>
inline Pack<T, P> operator-(Pack<T, P> a) {
  return Pack<T, P>::from(Eigen::internal::pnegate(a.packet));
}
// a * b + c, fused where the instruction set can.
template <typename T, typename P>
inline Pack<T, P> multiply_add(Pack<T, P> a, Pack<T, P> b, Pack<T, P> c) {
  return Pack<T, P>::from(Eigen::internal::pmadd(a.packet, b.packet, c.packet));
}
// The bits of `a` where those of `mask` are set, else zero.
template <typename T, typename P>
inline Pack<T, P> masked(Pack<T, P> a, Pack<T, P> mask) {
  return Pack<T, P>::from(Eigen::internal::pand(a.packet, mask.packet));
}
// A size, which is not negative, with the sign of `a`, be it that of a zero.
template <typename T, typename P>
inline Pack<T, P> with_sign_of(Pack<T, P> a, Pack<T, P> size) {
  const P sign = Eigen::internal::pand(a.packet, Pack<T, P>(T(-0.0)).packet);
  return Pack<T, P>::from(Eigen::internal::por(sign, size.packet));
}
template <typename T, typename P>
inline T sum(Pack<T, P> a) {
  return Eigen::internal::predux(a.packet);
}

// To the nearest integer, ties to even.
template <typename T>
inline Pack<T> round(Pack<T> a) {
  return Pack<T>::from(Eigen::internal::print(a.packet));
}
template <typename T>
inline Pack<T> floor(Pack<T> a) {
  return Pack<T>::from(Eigen::internal::pfloor(a.packet));
}

template <typename T>
inline Mask<T> operator<(Pack<T> a, Pack<T> b) {
  return {Eigen::internal::pcmp_lt(a.packet, b.packet)};
}
template <typename T>
inline Mask<T> operator<=(Pack<T> a, Pack<T> b) {
  return {Eigen::internal::pcmp_le(a.packet, b.packet)};
}
template <typename T>
inline Mask<T> operator>(Pack<T> a, Pack<T> b) {
  return b < a;
}
template <typename T>
inline Mask<T> operator>=(Pack<T> a, Pack<T> b) {
  return b <= a;
}
template <typename T>
inline Mask<T> operator==(Pack<T> a, Pack<T> b) {
  return {Eigen::internal::pcmp_eq(a.packet, b.packet)};
}
template <typename T>
inline Mask<T> operator!=(Pack<T> a, Pack<T> b) {
  return {Eigen::internal::pnot((a == b).packet)};
}
template <typename T>
inline Pack<T> where(Mask<T> condition, Pack<T> a, Pack<T> b) {
  return Pack<T>::from(Eigen::internal::pselect(condition.packet, a.packet, b.packet));
}

// The functions that Eigen does not vectorise for T, one value at a time.
template <typename T, typename Function>
inline Pack<T> lanewise(Pack<T> a, Function function) {
  alignas(64) T lanes[Pack<T>::kSize];
  a.store(lanes);
  for (T& lane : lanes) lane = function(lane);
  return Pack<T>::load(lanes);
}
template <typename T, typename Function>
inline Pack<T> lanewise(Pack<T> a, Pack<T> b, Function function) {
  alignas(64) T lanes[Pack<T>::kSize], others[Pack<T>::kSize];
  a.store(lanes);
  b.store(others);
  for (int i = 0; i < Pack<T>::kSize; ++i) lanes[i] = function(lanes[i], others[i]);
  return Pack<T>::load(lanes);
}

#define BLOCKHESS_PACK_FUNCTION(name, vectorised, packet_function)      \
  template <typename T>                                                 \
  inline Pack<T> name(Pack<T> a) {                                      \
    if constexpr (vectorised) {                                         \
      return Pack<T>::from(Eigen::internal::packet_function(a.packet)); \
    } else {                                                            \
      return lanewise(a, [](T lane) { return blockhess::name(lane); }); \
    }                                                                   \
  }

BLOCKHESS_PACK_FUNCTION(abs, true, pabs)
BLOCKHESS_PACK_FUNCTION(sqrt, Pack<T>::Traits::HasSqrt, psqrt)
BLOCKHESS_PACK_FUNCTION(exp, Pack<T>::Traits::HasExp, pexp)
BLOCKHESS_PACK_FUNCTION(expm1, Pack<T>::Traits::HasExpm1, pexpm1)
BLOCKHESS_PACK_FUNCTION(log, Pack<T>::Traits::HasLog, plog)
BLOCKHESS_PACK_FUNCTION(log1p, Pack<T>::Traits::HasLog1p, plog1p)
BLOCKHESS_PACK_FUNCTION(tanh, Pack<T>::Traits::HasTanh, ptanh)
BLOCKHESS_PACK_FUNCTION(asin, Pack<T>::Traits::HasASin, pasin)
BLOCKHESS_PACK_FUNCTION(acos, Pack<T>::Traits::HasACos, pacos)
BLOCKHESS_PACK_FUNCTION(atan, Pack<T>::Traits::HasATan, patan)
BLOCKHESS_PACK_FUNCTION(atanh, Pack<T>::Traits::HasATanh, patanh)
BLOCKHESS_PACK_FUNCTION(erfc, Pack<T>::Traits::HasErfc, perfc)
#undef BLOCKHESS_PACK_FUNCTION

#define BLOCKHESS_LANEWISE_FUNCTION(name)                             \
  template <typename T>                                               \
  inline Pack<T> name(Pack<T> a) {                                    \
    return lanewise(a, [](T lane) { return blockhess::name(lane); }); \
  }

BLOCKHESS_LANEWISE_FUNCTION(lgamma)
BLOCKHESS_LANEWISE_FUNCTION(digamma)
#undef BLOCKHESS_LANEWISE_FUNCTION

// Beyond 7 it is one to the last place, where Eigen's gives NaN for infinity.
template <typename T>
inline Pack<T> erf(Pack<T> a) {
  if constexpr (Pack<T>::Traits::HasErf) {
    const Pack<T> one(T(1)), limit = where(a < Pack<T>(T(0)), -one, one);
    return where(abs(a) > Pack<T>(T(7)), limit, Pack<T>::from(Eigen::internal::perf(a.packet)));
  } else {
    return lanewise(a, [](T lane) { return blockhess::erf(lane); });
  }
}
template <typename T>
inline Pack<T> pow(Pack<T> a, Pack<T> b) {
  if constexpr (Pack<T>::Traits::HasPow) {
    return Pack<T>::from(Eigen::internal::generic_pow(a.packet, b.packet));
  } else {
    return lanewise(a, b, [](T base, T exponent) { return blockhess::pow(base, exponent); });
  }
}
template <typename T>
inline Pack<T> polygamma(Pack<T> n, Pack<T> a) {
  return lanewise(n, a, [](T order, T lane) { return blockhess::polygamma(order, lane); });
}

}  // namespace blockhess
