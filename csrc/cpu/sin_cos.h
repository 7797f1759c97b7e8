// sin, cos and tan of packs. Eigen's lose relative accuracy near the multiples of pi in double, and
// take three to ten times as long; these fall back to the C library for huge arguments.
#pragma once

#include "csrc/core/scalar_math.h"
#include "csrc/cpu/pack.h"

namespace blockhess {

// pi/2 in parts whose products with any `quarters` up to kMost have no rounding error, but for the
// last; and minimax polynomials on [-pi/4, pi/4]: for float those of Cephes sinf and cosf, for
// double those of fdlibm __kernel_sin and __kernel_cos, the highest power first.
template <typename T>
struct SinCosTables;

template <>
struct SinCosTables<float> {
  static constexpr float kMost = 6000;  // of |a|
  static constexpr float kHalfPi[] = {0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f, 0x1.68c234p-39f};
  static constexpr float kSin[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
  static constexpr float kCos[] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                                   4.166664568298827e-2f};
};

template <>
struct SinCosTables<double> {
  static constexpr double kMost = 1.6e6;
  static constexpr double kHalfPi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
  static constexpr double kSin[] = {1.58969099521155010221e-10, -2.50507602534068634195e-8,
                                    2.75573137070700676789e-6,  -1.98412698298579493134e-4,
                                    8.33333333332248946124e-3,  -1.66666666666666324348e-1};
  static constexpr double kCos[] = {-1.13596475577881948265e-11, 2.08757232129817482790e-9,
                                    -2.75573143513906633035e-7,  2.48015872894767294178e-5,
                                    -1.38888888888741095749e-3,  4.16666666666666019037e-2};
};

template <typename T, int size>
inline Pack<T> polynomial(Pack<T> a, const T (&coefficients)[size]) {
  Pack<T> sum(coefficients[0]);
  for (int i = 1; i < size; ++i) sum = multiply_add(sum, a, Pack<T>(coefficients[i]));
  return sum;
}

// a = quarters * pi/2 + remainder, and sin and cos of the remainder.
template <typename T>
struct QuarterTurns {
  Pack<T> quarters, sin, cos;

  explicit QuarterTurns(Pack<T> a) {
    using V = Pack<T>;
    using Tables = SinCosTables<T>;
    quarters = round(a * V(T(0.63661977236758134308)));
    V r = a;
    for (const T part : Tables::kHalfPi) r = multiply_add(-quarters, V(part), r);
    const V z = r * r;
    sin = multiply_add(r * z, polynomial(z, Tables::kSin), r);
    const V half_z = V(T(0.5)) * z;
    const V rest = V(T(1)) - half_z;
    // (1 - rest) - z/2 is what the subtraction above rounded away.
    cos = rest + multiply_add(z * z, polynomial(z, Tables::kCos), (V(T(1)) - rest) - half_z);
  }

  // sin(remainder + shift * pi/2 + quarters * pi/2)
  Pack<T> sin_shifted(int shift) const {
    using V = Pack<T>;
    const V turns = quarters + V(T(shift));
    const V half = turns * V(T(0.5)), quarter = turns * V(T(0.25));
    const V value = where(floor(half) == half, sin, cos);
    // In the second half of a turn the sign is the other.
    return where(quarter - floor(quarter) < V(T(0.5)), value, -value);
  }
};

// Replaces the lanes whose argument is too large for the tables, or infinite. Only those: a value
// must not depend on its neighbours, which are other rows.
template <typename T, typename Function>
inline Pack<T> with_large_arguments(Pack<T> a, Pack<T> result, Function function) {
  const Mask<T> large = abs(a) > Pack<T>(SinCosTables<T>::kMost);
  if (!Eigen::internal::predux_any(large.packet)) return result;
  return where(large, lanewise(a, function), result);
}

// The reduction of -0 gives +0.
template <typename T>
inline Pack<T> keep_zero(Pack<T> a, Pack<T> result) {
  return where(a == Pack<T>(T(0)), a, result);
}

template <typename T>
inline Pack<T> sin(Pack<T> a, const QuarterTurns<T>& turns) {
  return with_large_arguments(a, keep_zero(a, turns.sin_shifted(0)),
                              [](T lane) { return blockhess::sin(lane); });
}

template <typename T>
inline Pack<T> cos(Pack<T> a, const QuarterTurns<T>& turns) {
  return with_large_arguments(a, turns.sin_shifted(1), [](T lane) { return blockhess::cos(lane); });
}

template <typename T>
inline Pack<T> sin(Pack<T> a) {
  return sin(a, QuarterTurns<T>(a));
}

template <typename T>
inline Pack<T> cos(Pack<T> a) {
  return cos(a, QuarterTurns<T>(a));
}

template <typename T>
inline Pack<T> tan(Pack<T> a) {
  const QuarterTurns<T> turns(a);
  return with_large_arguments(a, keep_zero(a, turns.sin_shifted(0) / turns.sin_shifted(1)),
                              [](T lane) { return blockhess::tan(lane); });
}

}  // namespace blockhess
