// The vector-Jacobian product. A thread block takes shards, each some tiles that follow each other,
// and keeps the sums over their rows in double; a second kernel adds up the shards in order. What
// makes a shard follows from the sizes alone, so no bit depends on the grid.
#include "cuda/cotangent.h"
#include "cuda/functions.h"
#include "cuda/prepare.h"
#include "cuda/sum.h"
#include "cuda/vjp_tile.h"

namespace blockhess::cuda {

namespace {

template <typename T, bool has_gamma>
__global__ void __launch_bounds__(kThreads, blocks_together(has_gamma || sizeof(T) == 8))
    vjp_kernel(const __grid_constant__ VjpCall<T> call) {
  for (int64_t shard = blockIdx.x; shard < call.num_shards; shard += gridDim.x) {
    VjpTile<T, has_gamma> tile(call, shard);
    tile.clear_sums();
    for (int64_t index = shard * call.tiles_per_shard;
         index < (shard + 1) * call.tiles_per_shard && index < call.shape.num_tiles; ++index) {
      tile.start(index);
#pragma unroll 1
      for (int t = 0; t < call.num_terms; ++t) {
        const DeviceTerm<T>& term = tile.term(t);
        tile.evaluate(term);
        tile.compute_intermediates(term);
        if (call.x_bar != nullptr) tile.add_x_bar(term);
        tile.write_operand_bars(term);
      }
      if (call.x_bar != nullptr) tile.write_x_bar();
    }
    __syncthreads();
  }
}

// Adds up the shards' sums of one cotangent; where K is not 0, that of a matrix (K, K), of which it
// takes the symmetric part.
template <typename T>
struct Finish {
  const double* sums;
  int64_t num_shards, num_sums, count;
  int K;
  T* out;
  Columns columns;
};

template <typename T>
__global__ void __launch_bounds__(kThreads, blocks_together(false))
    finish_kernel(const __grid_constant__ Finish<T> call) {
  const int num_columns = call.columns.number();
  for (int64_t group = blockIdx.x; group * num_columns < call.count; group += gridDim.x) {
    const int64_t place = group * num_columns + call.columns.own();
    // Columns past the last repeat it.
    const int64_t i = place < call.count ? place : call.count - 1;
    const int64_t transposed = call.K > 0 ? i % call.K * call.K + i / call.K : i;
    const double sum = sum_in_parts<double>(call.columns, call.num_shards, [&](int64_t shard) {
      const double* const sums = call.sums + shard * call.num_sums;
      return 0.5 * (sums[i] + sums[transposed]);
    });
    if (place < call.count && call.columns.own_part() == 0) store(call.out + i, sum);
  }
}

// A cotangent that is a sum over rows.
template <typename T>
struct Sum {
  int64_t start, count;
  T* out;
};

template <typename T>
Result finish(const Finish<T>& call, void* stream) {
  const int64_t blocks = std::min(ceil_divide(call.count, call.columns.number()), kMostBlocks);
  return launch(finish_kernel<T>, call, {blocks}, sum_bytes<double>, stream);
}

template <typename T>
struct PreparedVjp {
  Preparation<TermsVjpArguments<T>, T> common;
  std::vector<Sum<T>> sums;
  int64_t num_sums, num_shards, tiles_per_shard, sums_at;
  // Where psi', w and, of an S for all rows, the sums of a term are whose cotangent of S is wanted.
  struct MatrixAt {
    int64_t psi1, w, sums;
  };
  std::vector<MatrixAt> matrices_at;

  int64_t num_blocks() const { return std::min(num_shards, common.most_blocks()); }
};

// Enough shards to fill a GPU, with less memory than kMostSumBytes unless one needs more.
constexpr int64_t kMostSumBytes = int64_t{128} << 20;

template <typename T>
bool wants_S_bar(const TermsVjpArguments<T>& arguments, int t) {
  return arguments.operand_bars[t].S.data != nullptr && arguments.K > 0;
}

template <typename T>
PreparedVjp<T> prepare(const TermsVjpArguments<T>& arguments) {
  const int64_t K = arguments.K;
  PlanWriter plan(arguments.num_terms * sizeof(DeviceTerm<T>) / 8);
  std::vector<DeviceTerm<T>> terms;
  std::vector<Sum<T>> sums;
  int64_t num_sums = 0;
  const auto reserve = [&](int64_t count, T* out) {
    sums.push_back({num_sums, count, out});
    num_sums += count;
    return sums.back().start;
  };
  for (int t = 0; t < arguments.num_terms; ++t) {
    const Term& term = arguments.terms[t];
    const Operands<const T>& operands = arguments.operands[t];
    const Operands<T>& bars = arguments.operand_bars[t];
    DeviceTerm<T> device = device_term<T>(term, operands, K, plan);
    device.steps = arguments.steps[t];
    const auto add_parameters = [&](const Parameter<const T>* from, const Parameter<T>* to,
                                    int count) {
      std::vector<DeviceParameter<T>> parameters;
      for (int p = 0; p < count; ++p) {
        DeviceParameter<T> parameter = device_parameter<T>(from[p]);
        parameter.bar = to[p].data;
        parameter.bar_row_stride = to[p].row_stride;
        parameter.bar_column_stride = to[p].column_stride;
        if (to[p].data != nullptr && to[p].row_stride == 0) {
          parameter.sum = reserve(to[p].column_stride == 0 ? 1 : K, to[p].data);
        }
        parameters.push_back(parameter);
      }
      return plan.append(parameters.data(), parameters.size());
    };
    device.phi_parameters =
        add_parameters(operands.phi_parameters, bars.phi_parameters, term.num_phi_parameters());
    if (bars.b.data != nullptr && bars.b.row_stride != 0) device.b_bar = bars.b.data;
    if (bars.b.data != nullptr && bars.b.row_stride == 0) device.b_sum = reserve(K, bars.b.data);
    device.psi_parameters =
        add_parameters(operands.psi_parameters, bars.psi_parameters, term.num_psi_parameters());
    terms.push_back(device);
  }
  PreparedVjp<T> prepared{{arguments, std::move(plan), std::move(terms), kArrays, kRowArrays},
                          std::move(sums),
                          num_sums,
                          0,
                          1,
                          0,
                          {}};
  const int64_t num_tiles = prepared.common.shape.num_tiles;
  const int64_t sum_bytes = std::max<int64_t>(1, num_sums * int64_t{sizeof(double)});
  const int64_t most_shards = std::clamp<int64_t>(kMostSumBytes / sum_bytes, 1, kMostShards);
  prepared.tiles_per_shard = std::max<int64_t>(1, ceil_divide(num_tiles, most_shards));
  prepared.num_shards = ceil_divide(num_tiles, prepared.tiles_per_shard);
  prepared.common.reserve_tiles(prepared.num_blocks());
  prepared.sums_at =
      prepared.common.reserve(prepared.num_shards * num_sums * int64_t{sizeof(double)});
  for (int t = 0; t < arguments.num_terms; ++t) {
    if (!wants_S_bar(arguments, t)) {
      prepared.matrices_at.push_back({-1, -1, -1});
      continue;
    }
    const int64_t value_bytes = sizeof(Arithmetic<T>);
    const bool is_sum = arguments.operand_bars[t].S.row_stride == 0;
    prepared.matrices_at.push_back(
        {prepared.common.reserve(arguments.N * value_bytes),
         prepared.common.reserve(arguments.N * K * value_bytes),
         prepared.common.reserve(
             is_sum ? matrix_shards(arguments.N, K) * K * K * int64_t{sizeof(double)} : 0)});
  }
  return prepared;
}

// The cotangent of S of term t, from what vjp_kernel has left in the workspace.
template <typename T>
Result S_bar(const TermsVjpArguments<T>& arguments, int t, PreparedVjp<T>& prepared,
             unsigned char* memory, void* stream) {
  const RowOperand<T>& bar = arguments.operand_bars[t].S;
  const int64_t K = arguments.K;
  MatrixBar<T> call{};
  call.N = arguments.N;
  call.K = static_cast<int>(K);
  call.layout = arguments.layout;
  call.x = arguments.x;
  call.M = arguments.steps[t].M_adds_to_S_bar ? arguments.hessian_cotangent : nullptr;
  call.psi1 = prepared.common.term(t).psi1;
  call.w = prepared.common.term(t).w;
  call.num_shards = matrix_shards(arguments.N, K);
  const bool is_sum = bar.row_stride == 0;
  if (is_sum) {
    call.sums = reinterpret_cast<double*>(memory + prepared.matrices_at[t].sums);
  } else {
    call.out = bar.data;
  }
  const Result result = arguments.N > 0 ? matrix_bar(call, stream) : Result{};
  if (!is_sum || !result.is_done()) return result;
  return finish<T>(
      {call.sums, call.num_shards, K * K, K * K, call.K, bar.data, Columns(call.num_shards)},
      stream);
}

}  // namespace

template <typename T>
int64_t terms_vjp_workspace(const TermsVjpArguments<T>& arguments) {
  if (arguments.K > kMostColumns) return 0;
  return prepare(arguments).common.workspace_bytes();
}

template <typename T>
Result terms_vjp(const TermsVjpArguments<T>& arguments, void* workspace, void* stream) {
  if (arguments.K > kMostColumns) return {Status::kTooWide, 0};
  PreparedVjp<T> prepared = prepare(arguments);
  VjpCall<T> call{};
  auto* const memory = static_cast<unsigned char*>(workspace);
  call.sums = reinterpret_cast<double*>(memory + prepared.sums_at);
  if (arguments.N > 0) {
    for (int t = 0; t < arguments.num_terms; ++t) {
      if (!wants_S_bar(arguments, t)) continue;
      DeviceTerm<T>& term = prepared.common.term(t);
      term.psi1 = reinterpret_cast<Arithmetic<T>*>(memory + prepared.matrices_at[t].psi1);
      term.w = reinterpret_cast<Arithmetic<T>*>(memory + prepared.matrices_at[t].w);
    }
    const Result filled = prepared.common.fill(workspace, stream, &call.words);
    if (!filled.is_done()) return filled;
    call.N = arguments.N;
    call.num_terms = arguments.num_terms;
    call.layout = arguments.layout;
    call.shape = prepared.common.shape;
    call.num_shards = prepared.num_shards;
    call.tiles_per_shard = prepared.tiles_per_shard;
    call.num_sums = prepared.num_sums;
    call.x = arguments.x;
    call.V = arguments.value_cotangent;
    call.G = arguments.gradient_cotangent;
    call.M = arguments.hessian_cotangent;
    call.x_bar = arguments.x_bar;
    const auto kernel = prepared.common.has_gamma() ? vjp_kernel<T, true> : vjp_kernel<T, false>;
    const Result result =
        launch(kernel, call, {prepared.num_blocks()}, prepared.common.shared_bytes, stream);
    if (!result.is_done()) return result;
  }
  for (const Sum<T>& sum : prepared.sums) {
    if (sum.count == 0) continue;
    const Result result = finish<T>({call.sums + sum.start, prepared.num_shards, prepared.num_sums,
                                     sum.count, 0, sum.out, Columns(prepared.num_shards)},
                                    stream);
    if (!result.is_done()) return result;
  }
  for (int t = 0; t < arguments.num_terms; ++t) {
    if (!wants_S_bar(arguments, t)) continue;
    const Result result = S_bar(arguments, t, prepared, memory, stream);
    if (!result.is_done()) return result;
  }
  return {};
}

#define BLOCKHESS_INSTANTIATE(T)                                     \
  template int64_t terms_vjp_workspace(const TermsVjpArguments<T>&); \
  template Result terms_vjp(const TermsVjpArguments<T>&, void*, void*);
BLOCKHESS_INSTANTIATE(float)
BLOCKHESS_INSTANTIATE(double)
BLOCKHESS_INSTANTIATE(Half)
BLOCKHESS_INSTANTIATE(BFloat16)
#undef BLOCKHESS_INSTANTIATE

}  // namespace blockhess::cuda
