#include "csrc/cpu/newton.h"

#include <algorithm>
#include <vector>

#include "csrc/cpu/cost.h"
#include "csrc/cpu/newton_solver.h"
#include "csrc/cpu/shard.h"
#include "csrc/cpu/shared_S.h"
#include "csrc/cpu/term_sums.h"
#include "csrc/cpu/term_tile.h"

namespace blockhess::cpu {

namespace {

// Up to here a block of every lane of a pack fits the second-level cache; beyond, packs run along
// the rows of one block.
constexpr int64_t kMostInterleaved = 64;
// The same for vectors instead of blocks.
constexpr int64_t kMostInterleavedRankOne = 2048;

// What the blocks of a call are.
struct Structure {
  int num_parts = 0;  // beside the diagonal
  bool has_S = false;

  Structure(int num_terms, const Term* terms) {
    for (int t = 0; t < num_terms; ++t) {
      const bool S = terms[t].quadratic && terms[t].psi.outputs[1].is_slot();
      has_S |= S;
      num_parts += S || terms[t].psi.outputs[2].is_slot();
    }
  }

  bool is_rank_one() const { return num_parts <= 1 && !has_S; }
};

template <typename T>
struct Call {
  const NewtonArguments<T>& arguments;
  const SharedS<T>& shared_S;
  const Structure& structure;
  TileShape shape;
  FirstIndefinite<T>& first_indefinite;
};

template <typename T, typename Solver>
class NewtonWorker {
 public:
  NewtonWorker(const Call<T>& call, Scratch& scratch)
      : call_(call),
        arguments_(call.arguments),
        terms_(call.arguments.terms),
        solver_(arguments_.options, call.first_indefinite, terms_.K, call.structure.num_parts,
                scratch) {
    tiles_.reserve(terms_.num_terms);
    for (int t = 0; t < terms_.num_terms; ++t) {
      tiles_.emplace_back(terms_.terms[t], terms_.operands[t], call.shared_S[t], nullptr,
                          /*needs_u=*/true, call.shape, scratch);
    }
    diagonal_ = scratch.take<T>(call.shape.values());
    gradient_ = scratch.take<T>(call.shape.values());
    room_ = scratch.take<T>(call.shape.values());
  }

  void operator()(int64_t begin, int64_t end) {
    const int64_t K = terms_.K;
    for (int64_t first = begin; first < end; first += call_.shape.rows) {
      const int64_t rows = std::min(call_.shape.rows, end - first);
      for (TermTile<T>& tile : tiles_) tile.evaluate(terms_.x, first, rows);
      if (terms_.value != nullptr) write_value(tiles_, rows, terms_.value + first);
      T* const gradient = terms_.gradient != nullptr ? terms_.gradient + first * K : gradient_;
      write_gradient(tiles_, rows, K, room_, gradient);
      collect_parts(tiles_, parts_);
      solver_.add({parts_, diagonal(tiles_, rows, K, room_, diagonal_), gradient}, first, rows,
                  arguments_.direction);
    }
    solver_.finish(end, arguments_.direction);
  }

 private:
  const Call<T>& call_;
  const NewtonArguments<T>& arguments_;
  const TermsArguments<T>& terms_;
  Solver solver_;
  std::vector<TermTile<T>> tiles_;
  std::vector<BlockPart<T>> parts_;
  T *diagonal_, *gradient_, *room_;
};

template <typename T>
struct SolveCall {
  const NewtonSolveArguments<T>& arguments;
  FirstIndefinite<T>& first_indefinite;
};

// A block is its own S, scaled by one.
template <typename T, typename Solver>
class NewtonSolveWorker {
 public:
  NewtonSolveWorker(const SolveCall<T>& call, Scratch& scratch)
      : arguments_(call.arguments),
        solver_(arguments_.options, call.first_indefinite, arguments_.K, 1, scratch) {}

  void operator()(int64_t begin, int64_t end) {
    const int64_t K = arguments_.K;
    const T one(1);
    for (int64_t i = begin; i < end; ++i) {
      parts_.assign(1, {arguments_.hessian + i * K * K, K * K, &one, nullptr, nullptr});
      solver_.add({parts_, nullptr, arguments_.gradient + i * K}, i, 1, arguments_.direction);
    }
    solver_.finish(end, arguments_.direction);
  }

 private:
  const NewtonSolveArguments<T>& arguments_;
  Solver solver_;
  std::vector<BlockPart<T>> parts_;
};

int64_t cost_of_solving(int64_t K, bool rank_one) {
  constexpr int64_t kCyclesPerColumn = 8, kMultiplyAddsPerCycle = 4;
  if (rank_one) return kCyclesPerColumn * K;
  // In floating point: the cube of a K that large would overflow.
  const double cube = static_cast<double>(K) * K * K;
  return kCyclesPerColumn * K + static_cast<int64_t>(std::min(cube, 1e15)) / kMultiplyAddsPerCycle;
}

template <typename T, typename V, template <typename, typename> class Group>
Result run(const Call<T>& call, const ParallelFor& parallel_for) {
  const TermsArguments<T>& terms = call.arguments.terms;
  const int64_t cost = cost_per_row(terms.num_terms, terms.terms, terms.K) +
                       cost_of_solving(terms.K, call.structure.is_rank_one());
  using Worker = NewtonWorker<T, NewtonSolver<T, V, Group>>;
  return run_shards<Worker>(call, terms.N, cost, parallel_for,
                            std::max(call.shape.rows, kLanes<T, V>));
}

// Full tiles of whole groups, where a tile has that many rows.
template <typename T>
TileShape whole_groups(TileShape shape) {
  constexpr int64_t kRows = kLanes<T, Pack<T>>;
  if (shape.rows > kRows) shape.rows = shape.rows / kRows * kRows;
  return shape;
}

template <typename T>
void set_first_indefinite(const FirstIndefinite<T>& found, const NewtonOptions<T>& options) {
  if (options.first_indefinite != nullptr) *options.first_indefinite = found.get();
}

}  // namespace

template <typename T>
Result newton(const NewtonArguments<T>& arguments, const ParallelFor& parallel_for) {
  const TermsArguments<T>& terms = arguments.terms;
  if (!has_results(terms)) return Result::kDone;
  return caught([&] {
    const int64_t N = terms.N, K = terms.K;
    const SharedS<T> shared_S(terms.num_terms, terms.terms, terms.operands, N, K, parallel_for);
    const Structure structure(terms.num_terms, terms.terms);
    const TileShape shape = whole_groups<T>(tile_shape(N, K, shared_S.any_row_S(), sizeof(T)));
    FirstIndefinite<T> found;
    const Call<T> call{arguments, shared_S, structure, shape, found};
    using P = Pack<T>;
    const auto chosen =
        structure.is_rank_one()
            ? (K <= kMostInterleavedRankOne ? run<T, P, RankOneGroup> : run<T, T, RankOneGroup>)
            : (K <= kMostInterleaved ? run<T, P, DenseGroup>  //
                                     : run<T, T, DenseGroup>);
    const Result result = chosen(call, parallel_for);
    set_first_indefinite(found, arguments.options);
    return result;
  });
}

template <typename T>
Result newton_solve(const NewtonSolveArguments<T>& arguments, const ParallelFor& parallel_for) {
  if (arguments.N == 0 || arguments.K == 0) return Result::kDone;
  FirstIndefinite<T> found;
  const SolveCall<T> call{arguments, found};
  using Interleaved = NewtonSolveWorker<T, NewtonSolver<T, Pack<T>, DenseGroup>>;
  using Single = NewtonSolveWorker<T, NewtonSolver<T, T, DenseGroup>>;
  const int64_t K = arguments.K, cost = K * K + cost_of_solving(K, false);
  const auto chosen = K <= kMostInterleaved ? run_shards<Interleaved, SolveCall<T>>
                                            : run_shards<Single, SolveCall<T>>;
  const Result result = chosen(call, arguments.N, cost, parallel_for, kLanes<T, Pack<T>>);
  set_first_indefinite(found, arguments.options);
  return result;
}

template Result newton(const NewtonArguments<float>&, const ParallelFor&);
template Result newton(const NewtonArguments<double>&, const ParallelFor&);
template Result newton_solve(const NewtonSolveArguments<float>&, const ParallelFor&);
template Result newton_solve(const NewtonSolveArguments<double>&, const ParallelFor&);

}  // namespace blockhess::cpu
