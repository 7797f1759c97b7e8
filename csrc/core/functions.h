// Functions that are composed of elementary ones, in numerically stable form. V is a scalar or a
// vector; the elementary functions of a vector are found by argument-dependent lookup.
#pragma once

#include "csrc/core/gamma_functions.h"
#include "csrc/core/host_device.h"
#include "csrc/core/scalar_math.h"

namespace blockhess {

// max(a, 0) + log1p(exp(-|a|)): neither overflows nor cancels. NaN passes through the sum.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V softplus(V a) {
  return where(a > V(0), a, V(0)) + log1p(exp(-abs(a)));
}

// The numerator exp(a) on the negative side keeps full precision in that tail.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V sigmoid(V a) {
  const V e = exp(-abs(a));
  return where(a < V(0), e, V(1)) / (V(1) + e);
}

// The derivative of sigmoid, sigmoid(a) sigmoid(-a): one exp and one division for both.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V sigmoid_prime(V a) {
  const V e = exp(-abs(a)), d = V(1) + e;
  return e / (d * d);
}

}  // namespace blockhess
