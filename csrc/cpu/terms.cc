#include "csrc/cpu/terms.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "csrc/core/formula.h"
#include "csrc/cpu/blocks.h"
#include "csrc/cpu/cost.h"
#include "csrc/cpu/dominating.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/shard.h"
#include "csrc/cpu/shared_S.h"
#include "csrc/cpu/staging.h"
#include "csrc/cpu/term_sums.h"
#include "csrc/cpu/term_tile.h"
#include "csrc/cpu/wide_rows.h"

namespace blockhess::cpu {

namespace {

// out_ik += psi'' u_k^2
template <typename T>
void add_rank_one_diagonal(const T* psi2, const T* u, int64_t rows, int64_t K, T* room, T* out) {
  const T* const scales = repeated(psi2, rows, K, room);
  for_packs<T>(0, rows * K, [&](auto v, int64_t ik) {
    using V = decltype(v);
    const V u_k = V::load_unaligned(u + ik);
    (V::load_unaligned(out + ik) +
     formula::rank_one_entry(V::load_unaligned(scales + ik), u_k, u_k))
        .store_unaligned(out + ik);
  });
}

template <typename T>
struct Kernels {
  // What a term adds to the traces of a tile's blocks; parts that it has not are null.
  struct TracePart {
    const T* S;
    int64_t S_stride;
    T shared_S_trace;  // where S_stride is 0
    const T *phi2, *psi1;
    const T *u, *psi2;
  };

  template <int Kfixed>
  struct AddTrace {
    // out_i += psi' (tr S + sum_k phi''_k) + psi'' u'u
    static void run(const TracePart& part, int64_t rows, int64_t K, T* out) {
      K = size_of<Kfixed>(K);
      for (int64_t i = 0; i < rows; ++i) {
        T S_trace = part.shared_S_trace, D_trace(0), u_u(0);
        if (part.S_stride != 0) S_trace = trace(part.S + i * part.S_stride, K);
        if (part.phi2 != nullptr) D_trace = sum<Kfixed>(part.phi2 + i * K, K);
        if (part.u != nullptr) u_u = dot<Kfixed>(part.u + i * K, part.u + i * K, K);
        out[i] += formula::trace(part.psi1[i], S_trace, D_trace, part.psi2[i], u_u);
      }
    }
  };
};

template <typename T>
bool needs_u(const TermsArguments<T>& arguments, const Term& term) {
  return (arguments.gradient != nullptr && term.psi.outputs[1].is_slot()) ||
         (arguments.hessian != nullptr && term.psi.outputs[2].is_slot());
}

// What one call shares between its shards.
template <typename T>
struct Call {
  const TermsArguments<T>& arguments;
  const SharedS<T>& shared_S;
  const WideProducts<T>& wide_products;
  TileShape shape;
  int64_t strips;  // of each block
  bool streams_hessian;
};

template <typename T>
class TermsWorker {
 public:
  TermsWorker(const Call<T>& call, Scratch& scratch) : call_(call), arguments_(call.arguments) {
    const bool hessian = arguments_.hessian != nullptr;
    tiles_.reserve(arguments_.num_terms);
    for (int t = 0; t < arguments_.num_terms; ++t) {
      const Term& term = arguments_.terms[t];
      tiles_.emplace_back(term, arguments_.operands[t], call.shared_S[t], call.wide_products[t],
                          needs_u(arguments_, term), call.shape, scratch);
      const T* const S = call.shared_S[t];
      const bool needs_trace = hessian && arguments_.layout == Layout::kTrace && S != nullptr;
      shared_S_traces_.push_back(needs_trace ? trace(S, arguments_.K) : T(0));
      S_diagonals_.push_back(nullptr);
      if (hessian && arguments_.layout == Layout::kDiag && term.quadratic) {
        S_diagonals_[t] = scratch.take<T>(call.shape.values());
        if (S != nullptr && S_diagonals_[t] != nullptr) {
          copy_diagonals(S, 0, call.shape.rows, arguments_.K, S_diagonals_[t]);
        }
      }
    }
    diagonal_ = scratch.take<T>(hessian ? call.shape.values() : 0);
    room_ = scratch.take<T>(call.shape.values());
    dominating_.entries = scratch.take<DominatingEntry<T>>(hessian ? call.shape.rows : 0);
    limits_ = scratch.take<T>(hessian ? call.shape.rows : 0);
    if (!arguments_.hessian) return;
    if (writes_rows()) {
      row_staging_.emplace(std::max(call.shape.values(), call.shape.rows), call.streams_hessian,
                           scratch);
    } else {
      block_writer_.emplace(arguments_.layout, arguments_.K, call.streams_hessian, scratch);
    }
  }

  // Units are rows or, where blocks are cut, strips of them, row by row.
  void operator()(int64_t begin, int64_t end) {
    if (call_.strips == 1) {
      for (int64_t first = begin; first < end; first += call_.shape.rows) {
        const int64_t rows = std::min(call_.shape.rows, end - first);
        evaluate(first, rows);
        write_value_and_gradient(first, rows);
        if (arguments_.hessian != nullptr) write_hessian(first, rows, {0, arguments_.K});
      }
    } else {
      for (int64_t unit = begin; unit < end; ++unit) run_strip(unit);
    }
    if (call_.streams_hessian) finish_streaming();
  }

 private:
  // Whether what is written of a block is a vector or a number.
  bool writes_rows() const { return !is_full(arguments_.layout); }

  void run_strip(int64_t unit) {
    const int64_t row = unit / call_.strips, strip = unit % call_.strips, K = arguments_.K;
    if (row != evaluated_row_) evaluate(row, 1);
    evaluated_row_ = row;
    if (strip == 0) write_value_and_gradient(row, 1);
    write_hessian(row, 1, {K * strip / call_.strips, K * (strip + 1) / call_.strips});
  }

  void evaluate(int64_t first, int64_t rows) {
    dominating_.count = 0;
    for (TermTile<T>& tile : tiles_) {
      tile.evaluate(arguments_.x, first, rows);
      if (tile.is_norm()) {
        dominating_.count = find_dominating(tile, rows, arguments_.K, limits_, dominating_.entries);
      }
    }
  }

  void write_value_and_gradient(int64_t first, int64_t rows) {
    const int64_t K = arguments_.K;
    if (arguments_.value != nullptr) write_value(tiles_, rows, arguments_.value + first);
    if (arguments_.gradient == nullptr) return;
    write_gradient(tiles_, rows, K, room_, arguments_.gradient + first * K);
  }

  // Some rows of each of the tile's blocks; of the layouts diag and trace always all.
  void write_hessian(int64_t first, int64_t rows, BlockRows part_of_block) {
    const int64_t K = arguments_.K;
    T* const out = arguments_.hessian + first * block_size(arguments_.layout, K);
    if (arguments_.layout == Layout::kTrace) {
      row_staging_->write(out, rows, [&](T* traces) { compose_traces(rows, traces); });
      return;
    }
    if (arguments_.layout == Layout::kDiag) {
      row_staging_->write(out, rows * K, [&](T* diag) { compose_diag(rows, diag); });
      return;
    }
    collect_parts(tiles_, parts_);
    block_writer_->write(parts_, diagonal(tiles_, rows, K, room_, diagonal_), dominating_, rows,
                         part_of_block, out);
  }

  void compose_diag(int64_t rows, T* out) {
    const int64_t K = arguments_.K;
    std::fill_n(out, rows * K, T(0));
    add_diagonal(tiles_, rows, K, room_, out);
    for (size_t t = 0; t < tiles_.size(); ++t) {
      const TermTile<T>& tile = tiles_[t];
      if (tile.has_S() && tile.has_psi(1)) {
        if (tile.S_stride() != 0)
          copy_diagonals(tile.S(), tile.S_stride(), rows, K, S_diagonals_[t]);
        add_scaled_by_psi1(tile, S_diagonals_[t], rows, K, room_, out);
      }
      if (tile.has_psi(2)) {
        add_rank_one_diagonal(tile.scaled_psi2(), tile.scaled_u(), rows, K, room_, out);
      }
    }
    for (const auto& [row, k, value] : dominating_) out[row * K + k] = value;
  }

  void compose_traces(int64_t rows, T* out) {
    const int64_t K = arguments_.K;
    std::fill_n(out, rows, T(0));
    for (size_t t = 0; t < tiles_.size(); ++t) {
      const TermTile<T>& tile = tiles_[t];
      const bool has_S = tile.has_S() && tile.has_psi(1);
      const bool has_D = tile.has_phi(2) && tile.has_psi(1);
      const typename Kernels<T>::TracePart part{has_S ? tile.S() : nullptr,
                                                has_S ? tile.S_stride() : 0,
                                                has_S ? shared_S_traces_[t] : T(0),
                                                has_D ? tile.phi(2) : nullptr,
                                                tile.psi(1),
                                                tile.has_psi(2) ? tile.scaled_u() : nullptr,
                                                tile.scaled_psi2()};
      choose_size<Kernels<T>::template AddTrace>(K)(part, rows, K, out);
      if (tile.is_norm()) replace_dominated_traces(tile, K, dominating_, out);
    }
  }

  const Call<T>& call_;
  const TermsArguments<T>& arguments_;
  std::vector<TermTile<T>> tiles_;
  std::vector<BlockPart<T>> parts_;
  DominatingEntries<T> dominating_{nullptr, 0};  // of the tile
  std::vector<T> shared_S_traces_;
  std::vector<T*> S_diagonals_;            // (rows, K) of a term with an S, in the layout diag
  std::optional<Staging<T>> row_staging_;  // for diag and trace
  std::optional<BlockWriter<T>> block_writer_;
  T *diagonal_ = nullptr, *room_ = nullptr, *limits_ = nullptr;
  int64_t evaluated_row_ = -1;
};

}  // namespace

template <typename T>
Result terms(const TermsArguments<T>& arguments, const ParallelFor& parallel_for) {
  if (!has_results(arguments)) return Result::kDone;
  return caught([&] {
    const int64_t N = arguments.N, K = arguments.K, block = block_size(arguments.layout, K);
    const SharedS<T> shared_S(arguments.num_terms, arguments.terms, arguments.operands, N, K,
                              parallel_for);
    const int64_t strips = strips_per_block(arguments.layout, N, K, parallel_for.num_threads);
    std::vector<bool> needs_product(arguments.num_terms, false);
    for (int t = 0; t < arguments.num_terms; ++t) {
      const Term& term = arguments.terms[t];
      needs_product[t] = strips > 1 && (term.psi.reads_input(0) || needs_u(arguments, term));
    }
    const WideProducts<T> wide_products(arguments, shared_S, needs_product, parallel_for);
    const TileShape shape = tile_shape(strips > 1 ? 1 : N, K, shared_S.any_row_S(), sizeof(T));
    const Call<T> call{arguments, shared_S, wide_products,
                       shape,     strips,   is_streamed(N * block * int64_t{sizeof(T)})};
    const int64_t cost = cost_per_row(arguments.num_terms, arguments.terms, K) + block;
    return run_shards<TermsWorker<T>>(call, N * strips, cost / strips, parallel_for,
                                      strips > 1 ? 1 : shape.rows);
  });
}

template Result terms(const TermsArguments<float>&, const ParallelFor&);
template Result terms(const TermsArguments<double>&, const ParallelFor&);

}  // namespace blockhess::cpu
