// The arithmetic of the one formula, per entry of a block or a row:
//
//   H     = psi' (S + diag(phi'')) + psi'' u u'      tr H = psi' (tr S + sum_k phi''_k) + psi'' u'u
//
//   H v   = psi' (S v + phi'' v) + psi'' (u'v) u
//
// and of its vector-Jacobian product with the cotangents V, G, M of value, gradient and Hessian:
//
//   s_bar = psi'' (t1 + t3) + psi''' t2 + psi' V       t1 = <M, S + D>, t2 = u' M u, t3 = G' u
//   u_bar = 2 psi'' M u + psi' G
//   x_bar = s_bar u + (S + D) u_bar + psi' diag(M) phi'''
//   S_bar = psi' M + sym(w x')     b_bar = u_bar + s_bar x     w = u_bar + s_bar / 2 x
//
// and, for a parameter p of phi and q of psi, from the derivatives of those by it,
//
//   p_bar_k = s_bar dphi/dp + u_bar_k dphi'/dp + psi' M_kk dphi''/dp
//   q_bar   = V dpsi/dq + (t1 + t3) dpsi'/dq + t2 dpsi''/dq
//
// V is a scalar or a vector of them. In loops whose ends are narrower vectors, multiply_add says
// what is fused: a compiler may choose differently for each width, and a row's bits must not depend
// on its place in a tile.
#pragma once

#include <cmath>

#include "csrc/core/host_device.h"
#include "csrc/core/scalar_math.h"

namespace blockhess::formula {

// An entry of psi'' u u'. The product of the two u comes first: it makes the block exactly
// symmetric.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V rank_one_entry(V psi2, V u_row, V u_column) {
  return psi2 * (u_row * u_column);
}

// In norms and the like psi'' u u' is -psi' phi'' phi / t on the diagonal, where t is s plus a
// constant: H is psi' phi'' (t - phi) / t there. A cell whose phi is at least this share of t
// dominates its row: there t - phi is summed from the other cells and the constant. In other cells
// the cancellation costs four bits at most.
inline constexpr double kDominates = 0.9375;

// The phi from which on a cell dominates; NaN, which no phi reaches, unless t is positive: where t
// is negative nothing cancels, and -inf, of a slope of zero, is no t at all.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V dominating_phi(V t) {
  return t > V(0) ? V(kDominates) * t : V(NAN);
}

// A diagonal entry of a norm where the cell does not dominate.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V norm_entry(V psi1, V phi2, V phi, V t) {
  return psi1 * (phi2 * (V(1) - phi / t));
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V dominating_entry(V psi1, V phi2, V others, V t) {
  return psi1 * (phi2 * (others / t));
}

// A term's part of tr H.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V trace(V psi1, V S_trace, V D_trace, V psi2, V u_u) {
  return psi1 * (S_trace + D_trace) + psi2 * u_u;
}

// An entry of H v.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V product_entry(V psi1, V S_v, V phi2, V v, V psi2_u_v, V u) {
  return multiply_add(psi1, multiply_add(phi2, v, S_v), psi2_u_v * u);
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V s_bar(V psi1, V psi2, V psi3, V value_cotangent, V t1, V t2, V t3) {
  return psi2 * (t1 + t3) + psi3 * t2 + psi1 * value_cotangent;
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V u_bar(V psi1, V psi2, V M_u, V gradient_cotangent) {
  return multiply_add(psi1, gradient_cotangent, V(2) * psi2 * M_u);
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

// An entry of sym(w x').
template <typename V>
BLOCKHESS_HOST_DEVICE inline V symmetric_product_entry(V w_row, V x_row, V w_column, V x_column) {
  return V(0.5) * (w_row * x_column + x_row * w_column);
}

template <typename V>
BLOCKHESS_HOST_DEVICE inline V b_bar(V u_bar, V s_bar, V x) {
  return u_bar + s_bar * x;
}

// What one entry adds to the cotangent of a parameter of phi, given the derivatives by it of phi,
// phi' and phi''.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V phi_parameter_bar(V s_bar, V by_phi, V u_bar, V by_phi1, V psi1,
                                                 V M_diagonal, V by_phi2) {
  return s_bar * by_phi + u_bar * by_phi1 + psi1 * M_diagonal * by_phi2;
}

// What one row adds to the cotangent of a parameter of psi.
template <typename V>
BLOCKHESS_HOST_DEVICE inline V psi_parameter_bar(V value_cotangent, V by_psi, V t1, V t3, V by_psi1,
                                                 V t2, V by_psi2) {
  return value_cotangent * by_psi + (t1 + t3) * by_psi1 + t2 * by_psi2;
}

}  // namespace blockhess::formula
