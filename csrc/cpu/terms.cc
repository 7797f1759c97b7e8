#include "csrc/cpu/terms.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "csrc/cpu/blocks.h"
#include "csrc/cpu/cost.h"
#include "csrc/cpu/diagonals.h"
#include "csrc/cpu/dominating.h"
#include "csrc/cpu/shard.h"
#include "csrc/cpu/shared_S.h"
#include "csrc/cpu/term_sums.h"
#include "csrc/cpu/term_tile.h"
#include "csrc/cpu/wide_rows.h"

namespace blockhess::cpu {

namespace {

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
    }
    diagonal_ = scratch.take<T>(hessian ? call.shape.values() : 0);
    room_ = scratch.take<T>(call.shape.values());
    dominating_.entries = scratch.take<DominatingEntry<T>>(hessian ? call.shape.rows : 0);
    limits_ = scratch.take<T>(hessian ? call.shape.rows : 0);
    if (!arguments_.hessian) return;
    if (is_full(arguments_.layout)) {
      block_writer_.emplace(arguments_.layout, arguments_.K, call.streams_hessian, scratch);
    } else {
      diagonal_writer_.emplace(arguments_, call.shared_S, call.shape, call.streams_hessian,
                               scratch);
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

  // Some rows of each of the tile's blocks; all where the layout is not full.
  void write_hessian(int64_t first, int64_t rows, BlockRows part_of_block) {
    const int64_t K = arguments_.K;
    T* const out = arguments_.hessian + first * block_size(arguments_.layout, K);
    if (diagonal_writer_) return diagonal_writer_->write(tiles_, dominating_, rows, out);
    collect_parts(tiles_, parts_);
    block_writer_->write(parts_, diagonal(tiles_, rows, K, room_, diagonal_), dominating_, rows,
                         part_of_block, out);
  }

  const Call<T>& call_;
  const TermsArguments<T>& arguments_;
  std::vector<TermTile<T>> tiles_;
  std::vector<BlockPart<T>> parts_;
  DominatingEntries<T> dominating_{nullptr, 0};  // of the tile
  std::optional<BlockWriter<T>> block_writer_;   // where the layout is full
  std::optional<DiagonalWriter<T>> diagonal_writer_;
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
