// Hyperbolic functions of packs that Eigen does not vectorise, from those that it does.
#pragma once

#include <limits>

#include "csrc/cpu/pack.h"

namespace blockhess {

// (e + e / (e + 1)) / 2 with e = expm1(|a|) keeps its digits near zero. Beyond 20 it is exp(|a|) /
// 2, as a product of two halves, since exp(|a|) overflows before sinh does.
template <typename T>
inline Pack<T> sinh(Pack<T> a) {
  using V = Pack<T>;
  const V size = abs(a), half = V(T(0.5));
  const V e = expm1(size), root = exp(half * size);
  const V result = where(size > V(T(20)), (half * root) * root, half * (e + e / (e + V(T(1)))));
  return with_sign_of(a, result);
}

template <typename T>
inline Pack<T> cosh(Pack<T> a) {
  using V = Pack<T>;
  const V size = abs(a), half = V(T(0.5));
  const V e = exp(size), root = exp(half * size);
  return where(size > V(T(20)), (half * root) * root, half * e + half / e);
}

// log1p(t + t^2 / (1 + sqrt(1 + t^2))) with t = |a|; beyond 1e9, log(2 t).
template <typename T>
inline Pack<T> asinh(Pack<T> a) {
  using V = Pack<T>;
  constexpr T kLog2 = T(0.69314718055994530942);
  const V t = abs(a), one(T(1));
  const V near = log1p(t + t * t / (one + sqrt(one + t * t)));
  const V result = where(t > V(T(1e9)), log(t) + V(kLog2), near);
  return with_sign_of(a, result);
}

// log1p(t + sqrt(t (a + 1))) with t = a - 1, NaN below 1.
template <typename T>
inline Pack<T> acosh(Pack<T> a) {
  using V = Pack<T>;
  constexpr T kLog2 = T(0.69314718055994530942);
  const V one(T(1)), t = a - one;
  const V near = log1p(t + sqrt(t) * sqrt(a + one));
  return where(a > V(T(1e9)), log(a) + V(kLog2), near);
}

}  // namespace blockhess
