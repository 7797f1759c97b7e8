// The elementary functions of one float or double, by their bare names, so that the instruction
// table reads the same for scalars and for vectors.
#pragma once

#include <cmath>

#include "csrc/core/host_device.h"

namespace blockhess {

#define BLOCKHESS_SCALAR_FUNCTION(name)                                     \
  BLOCKHESS_HOST_DEVICE inline float name(float a) { return ::name##f(a); } \
  BLOCKHESS_HOST_DEVICE inline double name(double a) { return ::name(a); }

BLOCKHESS_SCALAR_FUNCTION(sqrt)
BLOCKHESS_SCALAR_FUNCTION(exp)
BLOCKHESS_SCALAR_FUNCTION(expm1)
BLOCKHESS_SCALAR_FUNCTION(log)
BLOCKHESS_SCALAR_FUNCTION(log1p)
BLOCKHESS_SCALAR_FUNCTION(sin)
BLOCKHESS_SCALAR_FUNCTION(cos)
BLOCKHESS_SCALAR_FUNCTION(tan)
BLOCKHESS_SCALAR_FUNCTION(sinh)
BLOCKHESS_SCALAR_FUNCTION(cosh)
BLOCKHESS_SCALAR_FUNCTION(tanh)
BLOCKHESS_SCALAR_FUNCTION(asin)
BLOCKHESS_SCALAR_FUNCTION(acos)
BLOCKHESS_SCALAR_FUNCTION(atan)
BLOCKHESS_SCALAR_FUNCTION(asinh)
BLOCKHESS_SCALAR_FUNCTION(acosh)
BLOCKHESS_SCALAR_FUNCTION(atanh)
BLOCKHESS_SCALAR_FUNCTION(erf)
BLOCKHESS_SCALAR_FUNCTION(erfc)
#undef BLOCKHESS_SCALAR_FUNCTION

BLOCKHESS_HOST_DEVICE inline float abs(float a) { return ::fabsf(a); }
BLOCKHESS_HOST_DEVICE inline double abs(double a) { return ::fabs(a); }
BLOCKHESS_HOST_DEVICE inline float pow(float a, float b) { return ::powf(a, b); }
BLOCKHESS_HOST_DEVICE inline double pow(double a, double b) { return ::pow(a, b); }

// lgamma of the C library writes the global signgam, a data race between threads.
BLOCKHESS_HOST_DEVICE inline double lgamma(double a) {
#if defined(__CUDACC__) || !defined(__GLIBC__)
  return ::lgamma(a);
#else
  int sign;
  return ::lgamma_r(a, &sign);
#endif
}
BLOCKHESS_HOST_DEVICE inline float lgamma(float a) {
  return static_cast<float>(lgamma(static_cast<double>(a)));
}

// a * b + c, which the compiler may fuse.
BLOCKHESS_HOST_DEVICE inline float multiply_add(float a, float b, float c) { return a * b + c; }
BLOCKHESS_HOST_DEVICE inline double multiply_add(double a, double b, double c) { return a * b + c; }

template <typename T>
BLOCKHESS_HOST_DEVICE inline T where(bool condition, T a, T b) {
  return condition ? a : b;
}

}  // namespace blockhess
