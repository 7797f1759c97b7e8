#include "csrc/cpu/terms_vjp.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "csrc/core/needs.h"
#include "csrc/cpu/cost.h"
#include "csrc/cpu/cotangent_products.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/hessian_cotangent.h"
#include "csrc/cpu/partials.h"
#include "csrc/cpu/shard.h"
#include "csrc/cpu/shared_S.h"
#include "csrc/cpu/term_tile.h"
#include "csrc/cpu/vjp_rows.h"

namespace blockhess::cpu {

namespace {

// What one call shares between its shards.
template <typename T>
struct Call {
  const TermsVjpArguments<T>& arguments;
  const SharedS<T>& shared_S;
  const Partials<T>& partials;
  bool needs_M_diagonal;
  bool is_product;
  TileShape shape;
};

// The intermediate results of one term on a tile; those that are not needed are zero.
template <typename T>
struct Intermediates {
  T *M_u, *u_bar, *S_u_bar, *w, *entries;  // (rows, K); the last two are working memory
  T *s_bar_room, *psi1_room, *psi2_room;   // (rows, K): numbers of rows, repeated
  const T *s_bar_values, *psi1_values;     // there, or where K is 1 the numbers themselves
  T* products_work;
  T *t1, *t2, *t3, *s_bar;  // (rows)

  Intermediates(TileShape shape, Scratch& scratch)
      : M_u(scratch.take<T>(shape.values())),
        u_bar(scratch.take<T>(shape.values())),
        S_u_bar(scratch.take<T>(shape.values())),
        w(scratch.take<T>(shape.values())),
        entries(scratch.take<T>(std::max(shape.values(), shape.rows))),
        s_bar_room(scratch.take<T>(shape.values())),
        psi1_room(scratch.take<T>(shape.values())),
        psi2_room(scratch.take<T>(shape.values())),
        products_work(scratch.take<T>(CotangentProducts<T>::work_size(shape.K))),
        t1(scratch.take<T>(shape.rows)),
        t2(scratch.take<T>(shape.rows)),
        t3(scratch.take<T>(shape.rows)),
        s_bar(scratch.take<T>(shape.rows)) {}
};

template <typename T>
class VjpWorker {
  using Rows = VjpRows<T>;

 public:
  VjpWorker(const Call<T>& call, Scratch& scratch)
      : call_(call),
        arguments_(call.arguments),
        K_(call.shape.K),
        M_(arguments_.hessian_cotangent, arguments_.layout, call.needs_M_diagonal, K_,
           call.shape.rows, scratch),
        zeros_(scratch.take<T>(std::max(call.shape.values(), call.shape.rows))),
        results_(call.shape, scratch) {
    tiles_.reserve(arguments_.num_terms);
    for (int t = 0; t < arguments_.num_terms; ++t) {
      tiles_.emplace_back(arguments_.terms[t], arguments_.operands[t], call.shared_S[t], nullptr,
                          arguments_.steps[t].u, call.shape, scratch);
    }
  }

  void operator()(int64_t begin, int64_t end) {
    for (int64_t shard = begin; shard < end; ++shard) {
      sums_ = call_.partials.start(shard);
      const int64_t last = call_.partials.first_row(shard + 1);
      for (int64_t first = call_.partials.first_row(shard); first < last;
           first += call_.shape.rows) {
        run_tile(first, std::min(call_.shape.rows, last - first));
      }
    }
  }

 private:
  void run_tile(int64_t first, int64_t rows) {
    first_ = first;
    rows_ = rows;
    if (call_.is_product) {
      for (int t = 0; t < arguments_.num_terms; ++t) add_product(t);
      return;
    }
    M_.load(first, rows);
    if (arguments_.x_bar != nullptr) std::fill_n(arguments_.x_bar + first * K_, rows * K_, T(0));
    for (int t = 0; t < arguments_.num_terms; ++t) {
      tiles_[t].evaluate(arguments_.x, first, rows);
      compute_intermediates(tiles_[t], arguments_.steps[t]);
      if (arguments_.x_bar != nullptr) add_x_bar(tiles_[t], arguments_.steps[t]);
      if (tiles_[t].r() != nullptr) undo_scales(tiles_[t].r());
      write_operand_bars(t);
    }
  }

  // x_bar += H v
  void add_product(int t) {
    TermTile<T>& tile = tiles_[t];
    const VjpSteps& steps = arguments_.steps[t];
    const T* const v = gradient_cotangent();
    T* const x_bar = arguments_.x_bar + first_ * K_;
    tile.evaluate(arguments_.x, first_, rows_);
    const T* psi2_u_v = nullptr;
    if (steps.t3) {
      std::fill_n(results_.t3, rows_, T(0));
      choose_size<Rows::template Dots>(K_)(v, tile.scaled_u(), rows_, K_, results_.t3);
      const T* const psi2 = tile.scaled_psi2();
      for (int64_t i = 0; i < rows_; ++i) results_.t3[i] *= psi2[i];
      psi2_u_v = repeated(results_.t3, rows_, K_, results_.psi2_room);
    }
    if (steps.S_u_bar) {
      choose_size<RowProducts<T>::template Sized>(K_)(tile.S(), tile.S_stride(), v, rows_, K_,
                                                      results_.S_u_bar);
    }
    const typename Rows::ProductInputs inputs{v,
                                              repeated(tile.psi(1), rows_, K_, results_.psi1_room),
                                              steps.S_u_bar ? results_.S_u_bar : nullptr,
                                              tile.has_phi(2) ? tile.phi(2) : nullptr,
                                              psi2_u_v,
                                              steps.t3 ? tile.scaled_u() : nullptr,
                                              t > 0 ? x_bar : nullptr};
    Rows::product(inputs, rows_ * K_, x_bar);
  }

  const T* x() const { return arguments_.x + first_ * K_; }
  const T* value_cotangent() const {
    return arguments_.value_cotangent != nullptr ? arguments_.value_cotangent + first_ : zeros_;
  }
  const T* gradient_cotangent() const {
    return arguments_.gradient_cotangent != nullptr ? arguments_.gradient_cotangent + first_ * K_
                                                    : zeros_;
  }
  const T* M_diagonal() const { return M_.diagonals() != nullptr ? M_.diagonals() : zeros_; }
  const T* u(const TermTile<T>& tile, const VjpSteps& steps) const {
    return steps.u ? tile.scaled_u() : zeros_;
  }

  void compute_intermediates(const TermTile<T>& tile, const VjpSteps& steps) {
    std::fill_n(results_.t1, rows_, T(0));
    std::fill_n(results_.t2, rows_, T(0));
    std::fill_n(results_.t3, rows_, T(0));
    multiply_by_M(tile, steps);
    const auto add_dots = choose_size<Rows::template Dots>(K_);
    if (steps.D_adds_to_t1) add_dots(M_diagonal(), tile.phi(2), rows_, K_, results_.t1);
    if (steps.t2) add_dots(tile.scaled_u(), results_.M_u, rows_, K_, results_.t2);
    if (steps.t3) add_dots(gradient_cotangent(), tile.scaled_u(), rows_, K_, results_.t3);
    const T *const psi1 = tile.psi1_by_r(), *const psi2 = tile.scaled_psi2();
    const T *const psi3 = tile.scaled_psi3(), *const V = value_cotangent(), *const r = tile.r();
    const auto s_bar = [&](int64_t i, T t1) {
      results_.s_bar[i] =
          formula::s_bar(psi1[i], psi2[i], psi3[i], V[i], t1, results_.t2[i], results_.t3[i]);
    };
    if (r == nullptr) {
      for (int64_t i = 0; i < rows_; ++i) s_bar(i, results_.t1[i]);
    } else {
      for (int64_t i = 0; i < rows_; ++i) s_bar(i, r[i] * results_.t1[i]);
    }
    results_.s_bar_values = repeated(results_.s_bar, rows_, K_, results_.s_bar_room);
    results_.psi1_values = repeated(tile.psi(1), rows_, K_, results_.psi1_room);
    if (steps.u_bar) {
      Rows::u_bar(results_.psi1_values, repeated(tile.psi2_by_r(), rows_, K_, results_.psi2_room),
                  results_.M_u, gradient_cotangent(), rows_ * K_, results_.u_bar);
    } else {
      std::fill_n(results_.u_bar, rows_ * K_, T(0));
    }
  }

  // Until here t2 has a factor r^2, t3 one of r, and s_bar one of 1 / r. An s_bar that has no place
  // in the range is NaN.
  void undo_scales(const T* r) {
    for (int64_t i = 0; i < rows_; ++i) {
      const T s_bar = results_.s_bar[i] * r[i];
      const bool is_lost = std::abs(s_bar) < std::numeric_limits<T>::min();
      results_.s_bar[i] = is_lost && results_.s_bar[i] != 0 && r[i] != 1 ? T(NAN) : s_bar;
      results_.t2[i] = results_.t2[i] / r[i] / r[i];
      results_.t3[i] /= r[i];
    }
    results_.s_bar_values = repeated(results_.s_bar, rows_, K_, results_.s_bar_room);
  }

  // M u, and what S adds to t1.
  void multiply_by_M(const TermTile<T>& tile, const VjpSteps& steps) {
    const T* const S = steps.S_adds_to_t1 ? tile.S() : nullptr;
    if (M_.is_full() && (steps.M_u || S != nullptr) && K_ > 0) {
      choose_size<CotangentProducts<T>::template Sized>(K_)(
          M_.layout(), M_.blocks(), S, tile.S_stride(), u(tile, steps), rows_, K_,
          results_.products_work, results_.M_u, results_.t1);
    } else if (S != nullptr) {
      copy_diagonals(S, tile.S_stride(), rows_, K_, results_.entries);
      choose_size<Rows::template Dots>(K_)(M_diagonal(), results_.entries, rows_, K_, results_.t1);
    }
    if (!steps.M_u) {
      std::fill_n(results_.M_u, rows_ * K_, T(0));
    } else if (!M_.is_full()) {
      const T *const M = M_diagonal(), *const u = tile.scaled_u();
      for (int64_t i = 0; i < rows_ * K_; ++i) results_.M_u[i] = M[i] * u[i];
    }
  }

  void add_x_bar(const TermTile<T>& tile, const VjpSteps& steps) {
    if (steps.S_u_bar) {
      choose_size<RowProducts<T>::template Sized>(K_)(tile.S(), tile.S_stride(), results_.u_bar,
                                                      rows_, K_, results_.S_u_bar);
    }
    const typename Rows::XBarInputs inputs{
        results_.s_bar_values, u(tile, steps), steps.S_u_bar ? results_.S_u_bar : zeros_,
        tile.phi(2),           results_.u_bar, results_.psi1_values,
        M_diagonal(),          tile.phi(3)};
    Rows::add_x_bar(inputs, rows_ * K_, arguments_.x_bar + first_ * K_);
  }

  void write_operand_bars(int t) {
    const Operands<T>& bars = arguments_.operand_bars[t];
    const TermSums& sums = call_.partials.sums(t);
    const TermTile<T>& tile = tiles_[t];
    for (int p = 0; p < arguments_.terms[t].num_phi_parameters(); ++p) {
      if (bars.phi_parameters[p].data == nullptr) continue;
      write_phi_parameter_bar(tile, p, bars.phi_parameters[p], sums.phi_parameters[p]);
    }
    if (bars.S.data != nullptr) write_S_bar(t, bars.S, sums.S);
    if (bars.b.data != nullptr) write_b_bar(bars.b, sums.b);
    for (int q = 0; q < arguments_.terms[t].num_psi_parameters(); ++q) {
      if (bars.psi_parameters[q].data == nullptr) continue;
      write_psi_parameter_bar(tile, q, bars.psi_parameters[q], sums.psi_parameters[q]);
    }
  }

  void write_phi_parameter_bar(const TermTile<T>& tile, int p, const Parameter<T>& bar,
                               int64_t start) {
    const int by = by_parameter(p);
    const typename Rows::PhiParameterInputs inputs{
        results_.s_bar_values, tile.phi(by), results_.u_bar,  tile.phi(by + 1),
        results_.psi1_values,  M_diagonal(), tile.phi(by + 2)};
    const bool per_row = bar.row_stride != 0, per_column = bar.column_stride != 0;
    T* const entries = per_row && per_column ? bar.data + first_ * K_ : results_.entries;
    Rows::phi_parameter_bar(inputs, rows_ * K_, entries);
    if (per_row && !per_column) {
      choose_size<Rows::template SumColumns>(K_)(entries, rows_, K_, bar.data + first_);
    } else if (!per_row && per_column) {
      choose_size<Rows::template SumRows>(K_)(entries, rows_, K_, sums_ + start);
    } else if (!per_row) {
      add_all(entries, rows_ * K_, start);
    }
  }

  void write_S_bar(int t, const RowOperand<T>& bar, int64_t start) {
    const TermTile<T>& tile = tiles_[t];
    const bool adds_M = arguments_.steps[t].M_adds_to_S_bar;
    Rows::w(results_.u_bar, results_.s_bar_values, x(), rows_ * K_, results_.w);
    if (bar.row_stride == 0) {
      const Layout layout = adds_M ? M_.layout() : Layout::kNone;
      choose_size<Rows::template SharedSBar>(K_)(layout, tile.psi(1), M_.blocks(), results_.w, x(),
                                                 rows_, K_, sums_ + start);
      return;
    }
    T* const S_bar = bar.data + first_ * K_ * K_;
    const bool has_full_M = adds_M && M_.is_full();
    if (has_full_M) M_.symmetrise(rows_, S_bar);
    const T* const diagonal = adds_M && !has_full_M ? M_.diagonals() : nullptr;
    choose_size<Rows::template RowSBar>(K_)(has_full_M, tile.psi(1), diagonal, results_.w, x(),
                                            rows_, K_, S_bar);
  }

  void write_b_bar(const RowOperand<T>& bar, int64_t start) {
    T* const entries = bar.row_stride == 0 ? results_.entries : bar.data + first_ * K_;
    Rows::b_bar(results_.u_bar, results_.s_bar_values, x(), rows_ * K_, entries);
    if (bar.row_stride == 0) {
      choose_size<Rows::template SumRows>(K_)(entries, rows_, K_, sums_ + start);
    }
  }

  void write_psi_parameter_bar(const TermTile<T>& tile, int q, const Parameter<T>& bar,
                               int64_t start) {
    const int by = by_parameter(q);
    T* const entries = bar.row_stride == 0 ? results_.entries : bar.data + first_;
    for (int64_t i = 0; i < rows_; ++i) {
      entries[i] = formula::psi_parameter_bar(value_cotangent()[i], tile.psi(by)[i], results_.t1[i],
                                              results_.t3[i], tile.psi(by + 1)[i], results_.t2[i],
                                              tile.psi(by + 2)[i]);
    }
    if (bar.row_stride == 0) add_all(entries, rows_, start);
  }

  void add_all(const T* entries, int64_t count, int64_t start) {
    double total = 0;
    for (int64_t i = 0; i < count; ++i) total += static_cast<double>(entries[i]);
    sums_[start] += total;
  }

  const Call<T>& call_;
  const TermsVjpArguments<T>& arguments_;
  int64_t K_;
  HessianCotangent<T> M_;
  const T* zeros_;
  Intermediates<T> results_;
  std::vector<TermTile<T>> tiles_;
  double* sums_ = nullptr;  // of the current shard
  int64_t first_ = 0;       // the current tile
  int64_t rows_ = 0;
};

template <typename T>
bool needs_M_diagonal(const TermsVjpArguments<T>& arguments) {
  return std::any_of(arguments.steps, arguments.steps + arguments.num_terms,
                     [](const VjpSteps& steps) { return steps.M_diagonal; });
}

// Whether all that is asked for is H v, of the cotangent v of the gradient.
template <typename T>
bool is_product(const TermsVjpArguments<T>& arguments) {
  bool wants_x_alone = arguments.x_bar != nullptr;
  for (int t = 0; t < arguments.num_terms; ++t) {
    const Term& term = arguments.terms[t];
    const Operands<T>& bars = arguments.operand_bars[t];
    const auto wants = [](const Parameter<T>* parameters, int count) {
      return std::any_of(parameters, parameters + count,
                         [](const Parameter<T>& bar) { return bar.data != nullptr; });
    };
    wants_x_alone &= bars.S.data == nullptr && bars.b.data == nullptr &&
                     !wants(bars.phi_parameters, term.num_phi_parameters()) &&
                     !wants(bars.psi_parameters, term.num_psi_parameters());
  }
  return wants_x_alone && arguments.gradient_cotangent != nullptr &&
         arguments.value_cotangent == nullptr && arguments.hessian_cotangent == nullptr;
}

// Whether a tile's blocks of M are read more than once: then they should stay in cache.
template <typename T>
bool reads_M_again(const TermsVjpArguments<T>& arguments) {
  if (arguments.hessian_cotangent == nullptr || !is_full(arguments.layout)) return false;
  bool S_bar = false;
  for (int t = 0; t < arguments.num_terms; ++t) {
    S_bar |= arguments.operand_bars[t].S.data != nullptr;
  }
  return S_bar || arguments.num_terms > 1;
}

// Whether no cotangent has a value, so that all that is asked for is zero. No memory bounds the K
// of no rows, nor the N of rows without columns.
template <typename T>
bool is_zero(const TermsVjpArguments<T>& arguments) {
  const bool per_row = arguments.value_cotangent != nullptr || block_size(arguments.layout, 0) > 0;
  return arguments.N == 0 || (arguments.K == 0 && !per_row);
}

// That of x has no values there.
template <typename T>
void write_zero_operand_bars(const TermsVjpArguments<T>& arguments) {
  const auto write = [&](T* bar, int64_t row_stride, int64_t size) {
    if (bar != nullptr) std::fill_n(bar, row_stride == 0 ? size : arguments.N * size, T(0));
  };
  const int64_t K = arguments.K;
  for (int t = 0; t < arguments.num_terms; ++t) {
    const Operands<T>& bars = arguments.operand_bars[t];
    for (int p = 0; p < arguments.terms[t].num_phi_parameters(); ++p) {
      const Parameter<T>& bar = bars.phi_parameters[p];
      write(bar.data, bar.row_stride, bar.column_stride == 0 ? 1 : K);
    }
    // One S per row has no values; where there is one for all rows K * K cannot overflow.
    if (bars.S.data != nullptr && bars.S.row_stride == 0) write(bars.S.data, 0, K * K);
    write(bars.b.data, bars.b.row_stride, K);
    for (int p = 0; p < arguments.terms[t].num_psi_parameters(); ++p) {
      const Parameter<T>& bar = bars.psi_parameters[p];
      write(bar.data, bar.row_stride, 1);
    }
  }
}

template <typename T>
int64_t cost_of(const TermsVjpArguments<T>& arguments) {
  const int64_t per_block = arguments.hessian_cotangent != nullptr ? 2 : 0;
  return cost_per_row(arguments.num_terms, arguments.terms, arguments.K) +
         per_block * block_size(arguments.layout, arguments.K);
}

}  // namespace

template <typename T>
Result terms_vjp(const TermsVjpArguments<T>& arguments, const ParallelFor& parallel_for) {
  if (is_zero(arguments)) {
    write_zero_operand_bars(arguments);
    return Result::kDone;
  }
  return caught([&] {
    const int64_t cost = cost_of(arguments);
    const SharedS<T> shared_S(arguments.num_terms, arguments.terms, arguments.operands, arguments.N,
                              arguments.K, parallel_for);
    const Partials<T> partials(arguments, cost);
    const bool has_row_matrices = shared_S.any_row_S() || reads_M_again(arguments);
    const Call<T> call{arguments,
                       shared_S,
                       partials,
                       needs_M_diagonal(arguments),
                       is_product(arguments),
                       tile_shape(arguments.N, arguments.K, has_row_matrices, sizeof(T))};
    const int64_t rows_per_shard = arguments.N / partials.num_shards() + 1;
    const Result result =
        run_shards<VjpWorker<T>>(call, partials.num_shards(), rows_per_shard * cost, parallel_for);
    if (result == Result::kDone) partials.finish();
    return result;
  });
}

template Result terms_vjp(const TermsVjpArguments<float>&, const ParallelFor&);
template Result terms_vjp(const TermsVjpArguments<double>&, const ParallelFor&);

}  // namespace blockhess::cpu
