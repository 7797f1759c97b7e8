// The vector-Jacobian product. A thread block takes shards, each some tiles that follow each other,
// and keeps the sums over their rows in double; a second kernel adds up the shards in order. What
// makes a shard follows from the sizes alone, so no bit depends on the grid.
#include "csrc/core/formula.h"
#include "cuda/cotangent.h"
#include "cuda/functions.h"
#include "cuda/prepare.h"
#include "cuda/sum.h"

namespace blockhess::cuda {

namespace {

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
constexpr int kX = 0, kU = 1, kMu = 2, kUBar = 3, kEntries = 4, kXBar = 5, kArrays = 6;
constexpr int kS = 0, kPsi1 = 1, kPsi2 = 2, kPsi3 = 3, kT1 = 4, kT2 = 5, kT3 = 6, kSBar = 7,
              kRowEntries = 8, kRowArrays = 9;

template <typename T, bool has_gamma>
__global__ void __launch_bounds__(kThreads, blocks_together(has_gamma || sizeof(T) == 8))
    vjp_kernel(const __grid_constant__ VjpCall<T> call) {
  using C = Arithmetic<T>;
  Tile<T, has_gamma> tile(call.shape);
  const int K = call.shape.K;
  const auto array = [&](int number) { return tile.array(number); };
  const auto rows = [&](int number) { return tile.row_array(kArrays, number); };
  const auto M = [&](int i) { return Cotangent<T>(call.M, call.layout, K, tile.first() + i); };
  const auto V = [&](int i) { return call.V != nullptr ? load(call.V[tile.first() + i]) : C(0); };
  const auto G = [&](int e) { return call.G != nullptr ? load(call.G[tile.place(e)]) : C(0); };

  for (int64_t shard = blockIdx.x; shard < call.num_shards; shard += gridDim.x) {
    const auto sums = [&] { return call.sums + shard * call.num_sums; };
    for (int64_t i = threadIdx.x; i < call.num_sums; i += kThreads) sums()[i] = 0;
    for (int64_t index = shard * call.tiles_per_shard;
         index < (shard + 1) * call.tiles_per_shard && index < call.shape.num_tiles; ++index) {
      tile.start(index, call.N, address(call.words));
      for_each(tile.values(), [&](int e) {
        array(kX)[e] = load(call.x[tile.place(e)]);
        array(kXBar)[e] = C(0);
      });
      __syncthreads();
#pragma unroll 1
      for (int t = 0; t < call.num_terms; ++t) {
        const DeviceTerm<T>& term = tile.term(t);
        // s, u, psi; M u holds what phi'' adds to t1 until the products take its place.
        if (term.has_phi) {
          tile.evaluate_phi(term, array(kX), [&](int e, auto get) {
            const int i = tile.row_of(e);
            array(kEntries)[e] = get(0);
            array(kU)[e] = get(1);
            array(kMu)[e] = term.steps.t1 ? M(i).diagonal(e - i * K) * get(2) : C(0);
          });
        } else {
          for_each(tile.values(),
                   [&](int e) { array(kEntries)[e] = array(kU)[e] = array(kMu)[e] = C(0); });
        }
        __syncthreads();
        tile.add_S_and_b(term, array(kX), array(kEntries), array(kU));
        if (term.needs_s) {
          tile.template sum_rows<C>(array(kEntries), [&](int i, C sum) { rows(kS)[i] = sum; });
        }
        __syncthreads();
        tile.evaluate_psi(term, rows(kS), [&](int i, auto get) {
          rows(kPsi1)[i] = get(1);
          rows(kPsi2)[i] = get(2);
          rows(kPsi3)[i] = get(3);
        });
        // t1, M u, t2, t3. Of M u first what the columns of M give: neighbours read what is next to
        // each other. As S is symmetric, they are enough for <M, S>.
        const bool is_full = M(0).is_full();
        for_each(tile.values(), [&](int e) {
          const int i = tile.row_of(e), k = e - i * K;
          const bool adds_S = term.steps.t1 && tile.has_S(term);
          const Cotangent<T> M_i = M(i);
          C product(0), inner = array(kMu)[e];
          if (is_full) {
            const C* const u = array(kU) + i * K;
            if (term.steps.M_u) product = M_i.column_times(k, [=](int j) { return u[j]; });
            if (adds_S && term.shared_S != nullptr) {
              const C* const S = term.shared_S + k;
              inner += M_i.column_times(k, [=](int j) { return S[j * K]; });
            } else if (adds_S) {
              inner += M_i.column_times(k, [&](int j) { return tile.S_entry(term, i, j, k); });
            }
          } else {
            if (term.steps.M_u) product = M_i.diagonal(k) * array(kU)[e];
            if (adds_S) inner = multiply_add(M_i.diagonal(k), tile.S_entry(term, i, k, k), inner);
          }
          array(kMu)[e] = product;
          array(kEntries)[e] = inner;
        });
        if (is_full && term.steps.M_u) {
          const auto row = [&](int e) { return e - tile.row_of(e) * K; };
          tile.rows_times(
              array(kU), [&](int e) { return M(0).first_column(row(e)); },
              [&](int e) { return M(tile.row_of(e)).row(row(e)); },
              [&](int e, C sum) { array(kMu)[e] = C(0.5) * (array(kMu)[e] + sum); });
        }
        tile.template sum_rows<C>(array(kEntries),
                                  [&](int i, C sum) { rows(kT1)[i] = term.steps.t1 ? sum : C(0); });
        __syncthreads();
        for_each(tile.values(), [&](int e) {
          array(kEntries)[e] = term.steps.t2 ? array(kU)[e] * array(kMu)[e] : C(0);
        });
        tile.template sum_rows<C>(array(kEntries), [&](int i, C sum) { rows(kT2)[i] = sum; });
        __syncthreads();
        for_each(tile.values(),
                 [&](int e) { array(kEntries)[e] = term.steps.t3 ? G(e) * array(kU)[e] : C(0); });
        tile.template sum_rows<C>(array(kEntries), [&](int i, C sum) {
          rows(kT3)[i] = sum;
          rows(kSBar)[i] = formula::s_bar(rows(kPsi1)[i], rows(kPsi2)[i], rows(kPsi3)[i], V(i),
                                          rows(kT1)[i], rows(kT2)[i], sum);
        });
        for_each(tile.values(), [&](int e) {
          const int i = tile.row_of(e);
          array(kUBar)[e] =
              term.steps.u_bar ? formula::u_bar(rows(kPsi1)[i], rows(kPsi2)[i], array(kMu)[e], G(e))
                               : C(0);
        });
        __syncthreads();
        if (call.x_bar != nullptr) {
          const auto add = [&](int e, C phi2, C phi3) {
            const int i = tile.row_of(e), k = e - i * K;
            const C S_u_bar = tile.has_S(term) && term.steps.u_bar
                                  ? tile.S_times(term, i, k, array(kUBar))
                                  : C(0);
            array(kXBar)[e] +=
                formula::x_bar(rows(kSBar)[i], term.steps.u ? array(kU)[e] : C(0), S_u_bar, phi2,
                               array(kUBar)[e], rows(kPsi1)[i], M(i).diagonal(k), phi3);
          };
          if (term.has_phi) {
            tile.evaluate_phi(term, array(kX), [&](int e, auto get) { add(e, get(2), get(3)); });
          } else {
            for_each(tile.values(), [&](int e) { add(e, C(0), C(0)); });
          }
        }
#pragma unroll 1
        for (int p = 0; p + 1 < term.phi.num_inputs; ++p) {
          const DeviceParameter<T>& to = tile.parameter(term.phi_parameters, p);
          if (to.bar == nullptr) continue;
          tile.evaluate_phi(term, array(kX), [&](int e, auto get) {
            const int i = tile.row_of(e), by = by_parameter(p);
            array(kEntries)[e] =
                formula::phi_parameter_bar(rows(kSBar)[i], get(by), array(kUBar)[e], get(by + 1),
                                           rows(kPsi1)[i], M(i).diagonal(e - i * K), get(by + 2));
          });
          __syncthreads();
          if (to.bar_column_stride == 0) {
            tile.template sum_rows<double>(array(kEntries), [&](int i, double sum) {
              if (to.bar_row_stride != 0) {
                store(to.bar + tile.first() + i, sum);
              } else {
                rows(kRowEntries)[i] = static_cast<C>(sum);
              }
            });
          } else if (to.bar_row_stride != 0) {
            for_each(tile.values(),
                     [&](int e) { store(to.bar + tile.place(e), array(kEntries)[e]); });
          }
          __syncthreads();
          if (to.sum >= 0 && to.bar_column_stride != 0) {
            tile.add_rows(array(kEntries), K, sums() + to.sum);
          } else if (to.sum >= 0) {
            tile.add_rows(rows(kRowEntries), 1, sums() + to.sum);
          }
          __syncthreads();
        }
        if (term.w != nullptr) {
          for_each(tile.values(), [&](int e) {
            term.w[tile.place(e)] =
                formula::w(array(kUBar)[e], rows(kSBar)[tile.row_of(e)], array(kX)[e]);
          });
          for_each(tile.rows(), [&](int i) { term.psi1[tile.first() + i] = rows(kPsi1)[i]; });
        }
        if (term.b_bar != nullptr || term.b_sum >= 0) {
          for_each(tile.values(), [&](int e) {
            array(kEntries)[e] =
                formula::b_bar(array(kUBar)[e], rows(kSBar)[tile.row_of(e)], array(kX)[e]);
            if (term.b_bar != nullptr) store(term.b_bar + tile.place(e), array(kEntries)[e]);
          });
          __syncthreads();
          if (term.b_sum >= 0) tile.add_rows(array(kEntries), K, sums() + term.b_sum);
        }
#pragma unroll 1
        for (int q = 0; q + 1 < term.psi.num_inputs; ++q) {
          const DeviceParameter<T>& to = tile.parameter(term.psi_parameters, q);
          if (to.bar == nullptr) continue;
          tile.evaluate_psi(term, rows(kS), [&](int i, auto get) {
            const int by = by_parameter(q);
            const C bar = formula::psi_parameter_bar(V(i), get(by), rows(kT1)[i], rows(kT3)[i],
                                                     get(by + 1), rows(kT2)[i], get(by + 2));
            rows(kRowEntries)[i] = bar;
            if (to.bar_row_stride != 0) store(to.bar + tile.first() + i, bar);
          });
          __syncthreads();
          if (to.sum >= 0) tile.add_rows(rows(kRowEntries), 1, sums() + to.sum);
          __syncthreads();
        }
        __syncthreads();
      }
      if (call.x_bar != nullptr) {
        for_each(tile.values(), [&](int e) { store(call.x_bar + tile.place(e), array(kXBar)[e]); });
      }
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
  // Of each term, where the cotangent of S is wanted: psi', w and, of an S for all rows, the sums.
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
  call.M = arguments.terms[t].psi.outputs[1].is_slot() ? arguments.hessian_cotangent : nullptr;
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
