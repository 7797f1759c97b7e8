// The arithmetic of the one formula, per entry of a block or a row:
//
//   H     = psi' (S + diag(phi'')) + psi'' u u'
//
// and of its vector-Jacobian product with the cotangents V, G, M of value, gradient and Hessian:
//
//   s_bar = psi'' (t1 + t3) + psi''' t2 + psi' V       t1 = <M, S + D>, t2 = u' M u, t3 = G' u
//   u_bar = 2 psi'' M u + psi' G
//   x_bar = s_bar u + (S + D) u_bar + psi' diag(M) phi'''
//   S_bar = psi' M + sym(w x')     b_bar = u_bar + s_bar x     w = u_bar + s_bar / 2 x
//
// V is a scalar or a vector of them.
#pragma once

#include "csrc/core/host_device.h"

namespace blockhess::formula {

// An entry of psi'' u u'. The product of the two u comes first: it makes the block exactly symmetric.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V rank_one_entry(V psi2, V u_row, V u_column) {
  return psi2 * (u_row * u_column);
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V s_bar(V psi1, V psi2, V psi3, V value_cotangent, V t1, V t2, V t3) {
  return psi2 * (t1 + t3) + psi3 * t2 + psi1 * value_cotangent;
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V u_bar(V psi1, V psi2, V M_u, V gradient_cotangent) {
  return V(2) * psi2 * M_u + psi1 * gradient_cotangent;
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V x_bar(V s_bar, V u, V S_u_bar, V phi2, V u_bar, V psi1, V M_diagonal,
                                     V phi3) {
  return s_bar * u + S_u_bar + phi2 * u_bar + psi1 * M_diagonal * phi3;
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V w(V u_bar, V s_bar, V x) {
  return u_bar + V(0.5) * s_bar * x;
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V b_bar(V u_bar, V s_bar, V x) {
  return u_bar + s_bar * x;
}

}  // namespace blockhess::formula
