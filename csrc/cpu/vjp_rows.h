// The loops of the vector-Jacobian product over the values or the rows of a tile. Arrays are
// (rows), (rows, K) or (rows, K, K), in the loops over `values` all (rows, K): a number a row is
// repeated there. Kfixed is K where it is known, or 0.
#pragma once

#include <cstdint>

#include "csrc/core/formula.h"
#include "csrc/core/layout.h"
#include "csrc/cpu/for_packs.h"
#include "csrc/cpu/matrix.h"

namespace blockhess::cpu {

template <typename T>
struct VjpRows {
  // out_i += a_i' b_i
  template <int Kfixed>
  struct Dots {
    static void run(const T* a, const T* b, int64_t rows, int64_t K, T* out) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) out[i] += dot<Kfixed>(a + i * K, b + i * K, K);
    }
  };

  static void u_bar(const T* psi1, const T* psi2, const T* M_u, const T* G, int64_t values,
                    T* u_bar) {
    for_packs<T>(0, values, [&](auto v, int64_t ik) {
      using V = decltype(v);
      formula::u_bar(V::load_unaligned(psi1 + ik), V::load_unaligned(psi2 + ik),
                     V::load_unaligned(M_u + ik), V::load_unaligned(G + ik))
          .store_unaligned(u_bar + ik);
    });
  }

  struct XBarInputs {
    const T *s_bar, *u, *S_u_bar, *phi2, *u_bar, *psi1, *M_diagonal, *phi3;
  };

  // x_bar_ik += ...
  static void add_x_bar(const XBarInputs& in, int64_t values, T* x_bar) {
    for_packs<T>(0, values, [&](auto v, int64_t ik) {
      using V = decltype(v);
      const V more =
          formula::x_bar(V::load_unaligned(in.s_bar + ik), V::load_unaligned(in.u + ik),
                         V::load_unaligned(in.S_u_bar + ik), V::load_unaligned(in.phi2 + ik),
                         V::load_unaligned(in.u_bar + ik), V::load_unaligned(in.psi1 + ik),
                         V::load_unaligned(in.M_diagonal + ik), V::load_unaligned(in.phi3 + ik));
      (V::load_unaligned(x_bar + ik) + more).store_unaligned(x_bar + ik);
    });
  }

  // Parts that a term has not are null.
  struct ProductInputs {
    const T *v, *psi1, *S_v, *phi2, *psi2_u_v, *u;
    const T* before;  // the terms before this one
  };

  // out = before + H v
  static void product(const ProductInputs& in, int64_t values, T* out) {
    for_packs<T>(0, values, [&](auto v, int64_t ik) {
      using V = decltype(v);
      const V zero(T(0));
      const V S_v = in.S_v != nullptr ? V::load_unaligned(in.S_v + ik) : zero;
      const V phi2 = in.phi2 != nullptr ? V::load_unaligned(in.phi2 + ik) : zero;
      const V u = in.u != nullptr ? V::load_unaligned(in.u + ik) : zero;
      const V psi2_u_v = in.u != nullptr ? V::load_unaligned(in.psi2_u_v + ik) : zero;
      V sum = formula::product_entry(V::load_unaligned(in.psi1 + ik), S_v, phi2,
                                     V::load_unaligned(in.v + ik), psi2_u_v, u);
      if (in.before != nullptr) sum = V::load_unaligned(in.before + ik) + sum;
      sum.store_unaligned(out + ik);
    });
  }

  static void w(const T* u_bar, const T* s_bar, const T* x, int64_t values, T* w) {
    for_packs<T>(0, values, [&](auto v, int64_t ik) {
      using V = decltype(v);
      formula::w(V::load_unaligned(u_bar + ik), V::load_unaligned(s_bar + ik),
                 V::load_unaligned(x + ik))
          .store_unaligned(w + ik);
    });
  }

  static void b_bar(const T* u_bar, const T* s_bar, const T* x, int64_t values, T* b_bar) {
    for_packs<T>(0, values, [&](auto v, int64_t ik) {
      using V = decltype(v);
      formula::b_bar(V::load_unaligned(u_bar + ik), V::load_unaligned(s_bar + ik),
                     V::load_unaligned(x + ik))
          .store_unaligned(b_bar + ik);
    });
  }

  // sums += sum_i (psi'_i M_i + w_i x_i'), of which the symmetric part counts; the layout is none
  // where M adds nothing. Row by row of S_bar, so that the sums of one stay in registers or in the
  // first-level cache.
  template <int Kfixed>
  struct SharedSBar {
    static void run(Layout layout, const T* psi1, const T* M, const T* w, const T* x, int64_t rows,
                    int64_t K, double* __restrict sums) {
      K = size_of<Kfixed>(K);
      const int64_t M_stride = block_size(layout, K);
      for (int64_t row = 0; row < K; ++row) {
        double* __restrict const out = sums + row * K;
        const int64_t first = first_column(layout, row), end = end_column(layout, K, row);
        const int64_t offset = row_offset(layout, K, row);
        for (int64_t i = 0; i < rows; ++i) {
          const T w_row = w[i * K + row];
          const T* const x_i = x + i * K;
          for (int64_t k = 0; k < K; ++k) out[k] += static_cast<double>(w_row * x_i[k]);
          for (int64_t k = first; k < end; ++k) {
            out[k] += static_cast<double>(psi1[i] * M[i * M_stride + offset + k]);
          }
        }
      }
    }
  };

  // S_bar_i = psi'_i M_i + sym(w_i x_i'). The symmetric part of a full M is in S_bar before; the
  // diagonal is null unless M has no more.
  template <int Kfixed>
  struct RowSBar {
    static void run(bool has_full_M, const T* psi1, const T* diagonal, const T* w, const T* x,
                    int64_t rows, int64_t K, T* S_bar) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) {
        const T* const w_i = w + i * K;
        const T* const x_i = x + i * K;
        T* const S_bar_i = S_bar + i * K * K;
        for (int64_t row = 0; row < K; ++row) {
          for_packs<T>(0, K, [&](auto v, int64_t k) {
            using V = decltype(v);
            T* const out = S_bar_i + row * K + k;
            V entry = formula::symmetric_product_entry(
                V(w_i[row]), V(x_i[row]), V::load_unaligned(w_i + k), V::load_unaligned(x_i + k));
            if (has_full_M) entry = multiply_add(V(psi1[i]), V::load_unaligned(out), entry);
            entry.store_unaligned(out);
          });
          if (diagonal != nullptr) S_bar_i[row * K + row] += psi1[i] * diagonal[i * K + row];
        }
      }
    }
  };

  struct PhiParameterInputs {
    const T *s_bar, *by_phi, *u_bar, *by_phi1, *psi1, *M_diagonal, *by_phi2;
  };

  static void phi_parameter_bar(const PhiParameterInputs& in, int64_t values, T* bar) {
    for_packs<T>(0, values, [&](auto v, int64_t ik) {
      using V = decltype(v);
      formula::phi_parameter_bar(
          V::load_unaligned(in.s_bar + ik), V::load_unaligned(in.by_phi + ik),
          V::load_unaligned(in.u_bar + ik), V::load_unaligned(in.by_phi1 + ik),
          V::load_unaligned(in.psi1 + ik), V::load_unaligned(in.M_diagonal + ik),
          V::load_unaligned(in.by_phi2 + ik))
          .store_unaligned(bar + ik);
    });
  }

  // out_i = sum_k a_ik
  template <int Kfixed>
  struct SumColumns {
    static void run(const T* a, int64_t rows, int64_t K, T* __restrict out) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) out[i] = sum<Kfixed>(a + i * K, K);
    }
  };

  // sums_k += sum_i a_ik
  template <int Kfixed>
  struct SumRows {
    static void run(const T* a, int64_t rows, int64_t K, double* __restrict sums) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t k = 0; k < K; ++k) sums[k] += static_cast<double>(a[i * K + k]);
      }
    }
  };
};

}  // namespace blockhess::cpu
