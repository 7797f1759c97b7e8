// A thread block at work on the vector-Jacobian product of a tile of rows, term by term, in the
// steps of the CPU backend and under their names (csrc/cpu/terms_vjp.cc).
#pragma once

#include "csrc/core/formula.h"
#include "cuda/cotangent.h"
#include "cuda/tile.h"

namespace blockhess::cuda {

template <typename T>
struct VjpCall {
  int64_t N;
  int32_t num_terms;
  Layout layout;
  TileShape shape;
  int64_t num_shards, tiles_per_shard;
  int64_t num_sums;
  double* sums;  // (shards, num_sums)
  const T *x, *V, *G, *M;
  T* x_bar;
  Words words;
};

// The arrays of a tile: x, u, M u, u_bar, what a sum takes, x_bar; then those of rows.
inline constexpr int kX = 0, kU = 1, kMu = 2, kUBar = 3, kEntries = 4, kXBar = 5, kArrays = 6;
inline constexpr int kS = 0, kPsi1 = 1, kPsi2 = 2, kPsi3 = 3, kT1 = 4, kT2 = 5, kT3 = 6, kSBar = 7,
                     kRowEntries = 8, kRowArrays = 9;

template <typename T, bool has_gamma>
class VjpTile {
  using C = Arithmetic<T>;
  using Term = DeviceTerm<T>;

 public:
  __device__ VjpTile(const VjpCall<T>& call, int64_t shard)
      : call_(call), tile_(call.shape), shard_(shard) {}

  __device__ const Term& term(int t) const { return tile_.term(t); }

  __device__ void clear_sums() const {
    for (int64_t i = threadIdx.x; i < call_.num_sums; i += kThreads) sums()[i] = 0;
  }

  // Goes to another tile; x_bar is zero there.
  __device__ void start(int64_t index) {
    tile_.start(index, call_.N, address(call_.words));
    for_each(tile_.values(), [&](int e) {
      array(kX)[e] = load(call_.x[tile_.place(e)]);
      array(kXBar)[e] = C(0);
    });
    __syncthreads();
  }

  // s, u, psi; M u holds what phi'' adds to t1 until the products take its place.
  __device__ void evaluate(const Term& term) const {
    if (term.has_phi) {
      tile_.evaluate_phi(term, array(kX), [&](int e, auto get) {
        array(kEntries)[e] = get(0);
        array(kU)[e] = get(1);
        array(kMu)[e] = term.steps.D_adds_to_t1 ? M_diagonal(term, e) * get(2) : C(0);
      });
    } else {
      for_each(tile_.values(),
               [&](int e) { array(kEntries)[e] = array(kU)[e] = array(kMu)[e] = C(0); });
    }
    __syncthreads();
    tile_.add_S_and_b(term, array(kX), array(kEntries), array(kU));
    if (term.needs_s) {
      sum_rows(array(kEntries), [&](int i, C sum) { rows(kS)[i] = sum; });
    }
    __syncthreads();
    tile_.evaluate_psi(term, rows(kS), [&](int i, auto get) {
      rows(kPsi1)[i] = get(1);
      rows(kPsi2)[i] = get(2);
      rows(kPsi3)[i] = get(3);
    });
  }

  // M u, t1, t2, t3, s_bar and u_bar.
  __device__ void compute_intermediates(const Term& term) const {
    multiply_by_M(term);
    sum_rows(array(kEntries), [&](int i, C sum) { rows(kT1)[i] = sum; });
    __syncthreads();
    for_each(tile_.values(), [&](int e) {
      array(kEntries)[e] = term.steps.t2 ? array(kU)[e] * array(kMu)[e] : C(0);
    });
    sum_rows(array(kEntries), [&](int i, C sum) { rows(kT2)[i] = sum; });
    __syncthreads();
    for_each(tile_.values(),
             [&](int e) { array(kEntries)[e] = term.steps.t3 ? G(e) * array(kU)[e] : C(0); });
    sum_rows(array(kEntries), [&](int i, C sum) {
      rows(kT3)[i] = sum;
      rows(kSBar)[i] = formula::s_bar(rows(kPsi1)[i], rows(kPsi2)[i], rows(kPsi3)[i], V(i),
                                      rows(kT1)[i], rows(kT2)[i], sum);
    });
    for_each(tile_.values(), [&](int e) {
      const int i = tile_.row_of(e);
      array(kUBar)[e] = term.steps.u_bar
                            ? formula::u_bar(rows(kPsi1)[i], rows(kPsi2)[i], array(kMu)[e], G(e))
                            : C(0);
    });
    __syncthreads();
  }

  __device__ void add_x_bar(const Term& term) const {
    const auto add = [&](int e, C phi2, C phi3) {
      const int i = tile_.row_of(e), k = e - i * K();
      const C S_u_bar = term.steps.S_u_bar ? tile_.S_times(term, i, k, array(kUBar)) : C(0);
      array(kXBar)[e] +=
          formula::x_bar(rows(kSBar)[i], term.steps.u ? array(kU)[e] : C(0), S_u_bar, phi2,
                         array(kUBar)[e], rows(kPsi1)[i], M_diagonal(term, i, k), phi3);
    };
    if (term.has_phi) {
      tile_.evaluate_phi(term, array(kX), [&](int e, auto get) { add(e, get(2), get(3)); });
    } else {
      for_each(tile_.values(), [&](int e) { add(e, C(0), C(0)); });
    }
  }

  __device__ void write_operand_bars(const Term& term) const {
#pragma unroll 1
    for (int p = 0; p + 1 < term.phi.num_inputs; ++p) {
      const DeviceParameter<T>& to = tile_.parameter(term.phi_parameters, p);
      if (to.bar != nullptr) write_phi_parameter_bar(term, p, to);
    }
    if (term.w != nullptr) keep_for_S_bar(term);
    if (term.b_bar != nullptr || term.b_sum >= 0) write_b_bar(term);
#pragma unroll 1
    for (int q = 0; q + 1 < term.psi.num_inputs; ++q) {
      const DeviceParameter<T>& to = tile_.parameter(term.psi_parameters, q);
      if (to.bar != nullptr) write_psi_parameter_bar(term, q, to);
    }
    __syncthreads();
  }

  __device__ void write_x_bar() const {
    for_each(tile_.values(), [&](int e) { store(call_.x_bar + tile_.place(e), array(kXBar)[e]); });
  }

 private:
  __device__ int K() const { return call_.shape.K; }
  __device__ C* array(int number) const { return tile_.array(number); }
  __device__ C* rows(int number) const { return tile_.row_array(kArrays, number); }
  __device__ double* sums() const { return call_.sums + shard_ * call_.num_sums; }
  __device__ C V(int i) const {
    return call_.V != nullptr ? load(call_.V[tile_.first() + i]) : C(0);
  }
  __device__ C G(int e) const { return call_.G != nullptr ? load(call_.G[tile_.place(e)]) : C(0); }
  __device__ Cotangent<T> M(int i) const {
    return Cotangent<T>(call_.M, call_.layout, K(), tile_.first() + i);
  }
  __device__ C M_diagonal(const Term& term, int i, int k) const {
    return term.steps.M_diagonal ? M(i).diagonal(k) : C(0);
  }
  __device__ C M_diagonal(const Term& term, int e) const {
    const int i = tile_.row_of(e);
    return M_diagonal(term, i, e - i * K());
  }
  template <typename Use>
  __device__ void sum_rows(const C* entries, Use use) const {
    tile_.template sum_rows<C>(entries, use);
  }

  // M u, and what each entry adds to t1. Of M u first what the columns of M give: neighbours read
  // what is next to each other. As S is symmetric, they are enough for <M, S>.
  __device__ void multiply_by_M(const Term& term) const {
    const bool is_full = M(0).is_full();
    for_each(tile_.values(), [&](int e) {
      const int i = tile_.row_of(e), k = e - i * K();
      const Cotangent<T> M_i = M(i);
      C product(0), inner = array(kMu)[e];
      if (is_full) {
        const C* const u = array(kU) + i * K();
        if (term.steps.M_u) product = M_i.column_times(k, [=](int j) { return u[j]; });
        if (term.steps.S_adds_to_t1 && term.shared_S != nullptr) {
          const C* const S = term.shared_S + k;
          const int stride = K();
          inner += M_i.column_times(k, [=](int j) { return S[j * stride]; });
        } else if (term.steps.S_adds_to_t1) {
          inner += M_i.column_times(k, [&](int j) { return tile_.S_entry(term, i, j, k); });
        }
      } else {
        if (term.steps.M_u) product = M_i.diagonal(k) * array(kU)[e];
        if (term.steps.S_adds_to_t1) {
          inner = multiply_add(M_i.diagonal(k), tile_.S_entry(term, i, k, k), inner);
        }
      }
      array(kMu)[e] = product;
      array(kEntries)[e] = inner;
    });
    if (!is_full || !term.steps.M_u) return;
    const auto row = [&](int e) { return e - tile_.row_of(e) * K(); };
    tile_.rows_times(
        array(kU), [&](int e) { return M(0).first_column(row(e)); },
        [&](int e) { return M(0).end_column(row(e)); },
        [&](int e) { return M(tile_.row_of(e)).row(row(e)); },
        [&](int e, C sum) { array(kMu)[e] = C(0.5) * (array(kMu)[e] + sum); });
  }

  __device__ void write_phi_parameter_bar(const Term& term, int p,
                                          const DeviceParameter<T>& to) const {
    tile_.evaluate_phi(term, array(kX), [&](int e, auto get) {
      const int i = tile_.row_of(e), by = by_parameter(p);
      array(kEntries)[e] =
          formula::phi_parameter_bar(rows(kSBar)[i], get(by), array(kUBar)[e], get(by + 1),
                                     rows(kPsi1)[i], M_diagonal(term, e), get(by + 2));
    });
    __syncthreads();
    if (to.bar_column_stride == 0) {
      tile_.template sum_rows<double>(array(kEntries), [&](int i, double sum) {
        if (to.bar_row_stride != 0) {
          store(to.bar + tile_.first() + i, sum);
        } else {
          rows(kRowEntries)[i] = static_cast<C>(sum);
        }
      });
    } else if (to.bar_row_stride != 0) {
      for_each(tile_.values(), [&](int e) { store(to.bar + tile_.place(e), array(kEntries)[e]); });
    }
    __syncthreads();
    if (to.sum >= 0 && to.bar_column_stride != 0) {
      tile_.add_rows(array(kEntries), K(), sums() + to.sum);
    } else if (to.sum >= 0) {
      tile_.add_rows(rows(kRowEntries), 1, sums() + to.sum);
    }
    __syncthreads();
  }

  // What a kernel of its own makes S_bar of, once all rows are done.
  __device__ void keep_for_S_bar(const Term& term) const {
    for_each(tile_.values(), [&](int e) {
      term.w[tile_.place(e)] =
          formula::w(array(kUBar)[e], rows(kSBar)[tile_.row_of(e)], array(kX)[e]);
    });
    for_each(tile_.rows(), [&](int i) { term.psi1[tile_.first() + i] = rows(kPsi1)[i]; });
  }

  __device__ void write_b_bar(const Term& term) const {
    for_each(tile_.values(), [&](int e) {
      array(kEntries)[e] =
          formula::b_bar(array(kUBar)[e], rows(kSBar)[tile_.row_of(e)], array(kX)[e]);
      if (term.b_bar != nullptr) store(term.b_bar + tile_.place(e), array(kEntries)[e]);
    });
    __syncthreads();
    if (term.b_sum >= 0) tile_.add_rows(array(kEntries), K(), sums() + term.b_sum);
  }

  __device__ void write_psi_parameter_bar(const Term& term, int q,
                                          const DeviceParameter<T>& to) const {
    tile_.evaluate_psi(term, rows(kS), [&](int i, auto get) {
      const int by = by_parameter(q);
      const C bar = formula::psi_parameter_bar(V(i), get(by), rows(kT1)[i], rows(kT3)[i],
                                               get(by + 1), rows(kT2)[i], get(by + 2));
      rows(kRowEntries)[i] = bar;
      if (to.bar_row_stride != 0) store(to.bar + tile_.first() + i, bar);
    });
    __syncthreads();
    if (to.sum >= 0) tile_.add_rows(rows(kRowEntries), 1, sums() + to.sum);
    __syncthreads();
  }

  const VjpCall<T>& call_;
  Tile<T, has_gamma> tile_;
  const int64_t shard_;
};

}  // namespace blockhess::cuda
