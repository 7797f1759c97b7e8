// digamma and polygamma of one value. Both are computed in double whatever the type asked for: the
// recurrence adds up to a dozen terms, and float would lose digits to it.
#pragma once

#include <cmath>

#include "csrc/core/host_device.h"
#include "csrc/core/scalar_math.h"

namespace blockhess {

// Whether a number without a fraction is even.
BLOCKHESS_HOST_DEVICE inline bool is_even(double n) { return n == 2 * ::floor(n / 2); }

// Hurwitz zeta(s, q) = sum_{n >= 0} (q + n)^-s for s > 1, q > 0: a direct sum up to q + n >= 16 +
// s, then Euler-Maclaurin (DLMF 25.11.5).
BLOCKHESS_HOST_DEVICE inline double hurwitz_zeta(double s, double q) {
  // B_2k / (2k)!
  constexpr double kTail[] = {8.3333333333333333e-2,  -1.3888888888888889e-3,
                              3.3068783068783069e-5,  -8.2671957671957672e-7,
                              2.0876756987868099e-8,  -5.2841901386874932e-10,
                              1.3382536530684679e-11, -3.3896802963225829e-13};
  // The leading term is all, and q^-s may underflow before it does.
  if (q > 1e17) return ::pow(q, 1 - s) / (s - 1);
  double sum = 0;
  while (q < 16 + s) {
    const double term = ::pow(q, -s);
    sum += term;
    q += 1;
    // This holds where both are zero, too: so are all terms to come.
    if (term <= sum * 1e-18) return sum;
  }
  double power = ::pow(q, -s);
  sum += power * (q / (s - 1) + 0.5);
  double rising = s;  // s (s + 1) ... (s + 2k - 2)
  power /= q;
  for (int k = 0; k < 8; ++k) {
    sum += kTail[k] * rising * power;
    rising *= (s + 2 * k + 1) * (s + 2 * k + 2);
    power /= q * q;
  }
  return sum;
}

// sum_{n >= 0} (q + n)^-s for an integral s > 1 and any q; poles give infinity. The terms with
// q + n < 0 are (-1)^s times a difference of two zeta functions at positive arguments.
BLOCKHESS_HOST_DEVICE inline double integer_zeta(double s, double q) {
  if (q > 0 || q != q) return hurwitz_zeta(s, q);
  if (q == ::floor(q)) return static_cast<double>(INFINITY);
  const double negative = hurwitz_zeta(s, ::ceil(q) - q) - hurwitz_zeta(s, 1 - q);
  return hurwitz_zeta(s, q - ::floor(q)) + (is_even(s) ? negative : -negative);
}

// digamma for a > 0: recurrence up to 10, then the asymptotic series (DLMF 5.11.2).
BLOCKHESS_HOST_DEVICE inline double positive_digamma(double a) {
  double sum = 0;
  while (a < 10) {
    sum -= 1 / a;
    a += 1;
  }
  const double r = 1 / (a * a);
  // B_2k / 2k
  const double tail =
      r * (1. / 12 -
           r * (1. / 120 -
                r * (1. / 252 - r * (1. / 240 - r * (1. / 132 - r * (691. / 32760 - r / 12))))));
  return sum + ::log(a) - 0.5 / a - tail;
}

// digamma, by reflection below zero (DLMF 5.5.4). It does not call itself: nvcc could not tell how
// deep the stack is.
BLOCKHESS_HOST_DEVICE inline double digamma(double a) {
  constexpr double kPi = 3.14159265358979323846;
  if (a == 0) return -::copysign(static_cast<double>(INFINITY), a);
  if (a < 0) {
    // cot(pi a) has period 1; the distance to the nearest integer is exact.
    const double distance = a - ::rint(a);
    if (distance == 0) return static_cast<double>(NAN);
    return positive_digamma(1 - a) - kPi / ::tan(kPi * distance);
  }
  return positive_digamma(a);
}

// The n-th derivative of digamma, n a nonnegative integer: (-1)^(n+1) n! zeta(n + 1, a).
BLOCKHESS_HOST_DEVICE inline double polygamma(double n, double a) {
  if (!(n >= 0) || n != ::floor(n)) return static_cast<double>(NAN);
  if (n == 0) return digamma(a);
  const double factorial = n < 171 ? ::round(::tgamma(n + 1)) : ::tgamma(n + 1);
  const double magnitude = factorial * integer_zeta(n + 1, a);
  return is_even(n) ? -magnitude : magnitude;
}

BLOCKHESS_HOST_DEVICE inline float digamma(float a) {
  return static_cast<float>(digamma(static_cast<double>(a)));
}
BLOCKHESS_HOST_DEVICE inline float polygamma(float n, float a) {
  return static_cast<float>(polygamma(static_cast<double>(n), static_cast<double>(a)));
}

}  // namespace blockhess
