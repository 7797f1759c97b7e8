// The vector-Jacobian product. A thread block takes shards, each some tiles that follow each other,
// and keeps the sums over their rows in double; a second kernel adds up the shards in order. What
// makes a shard follows from the sizes alone, so no bit depends on the grid.
#include "csrc/core/formula.h"
#include "cuda/functions.h"
#include "cuda/prepare.h"

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

// The cotangent M of one row's block.
template <typename T>
struct Cotangent {
  using C = Arithmetic<T>;
  const T* block;
  Layout layout;
  int K;

  __device__ bool is_full() const { return layout == Layout::kDense || layout == Layout::kPacked; }
  __device__ C diagonal(int k) const {
    if (layout == Layout::kNone) return C(0);
    return load(layout == Layout::kDiag ? block[k] : block[row_offset(layout, K, k) + k]);
  }
  // Of the symmetric part. A packed entry off the diagonal stands for two.
  __device__ C entry(int row, int column) const {
    if (row == column) return diagonal(row);
    if (layout == Layout::kDense) {
      return C(0.5) * (load(block[row * K + column]) + load(block[column * K + row]));
    }
    if (layout != Layout::kPacked) return C(0);
    const int upper = row < column ? row : column, right = row < column ? column : row;
    return C(0.5) * load(block[row_offset(layout, K, upper) + right]);
  }
};

template <typename T>
__global__ void __launch_bounds__(kThreads) vjp_kernel(const __grid_constant__ VjpCall<T> call) {
  using C = Arithmetic<T>;
  Tile<T> tile(call.shape, address(call.words));
  const int K = call.shape.K, full_rows = call.shape.rows, full = full_rows * K;
  C* const x = tile.take(full);
  C* const u = tile.take(full);
  C* const M_u = tile.take(full);
  C* const u_bar = tile.take(full);
  C* const entries = tile.take(full);
  C* const x_bar = tile.take(full);
  C* const s = tile.take(full_rows);
  C* const psi1 = tile.take(full_rows);
  C* const psi2 = tile.take(full_rows);
  C* const psi3 = tile.take(full_rows);
  C* const t1 = tile.take(full_rows);
  C* const t2 = tile.take(full_rows);
  C* const t3 = tile.take(full_rows);
  C* const s_bar = tile.take(full_rows);
  C* const row_entries = tile.take(full_rows);
  const int64_t block = block_size(call.layout, K);

  for (int64_t shard = blockIdx.x; shard < call.num_shards; shard += gridDim.x) {
    double* const sums = call.sums + shard * call.num_sums;
    for (int64_t i = threadIdx.x; i < call.num_sums; i += kThreads) sums[i] = 0;
    __syncthreads();
    const int64_t begin = shard * call.tiles_per_shard;
    const int64_t end = begin + call.tiles_per_shard < call.shape.num_tiles
                            ? begin + call.tiles_per_shard
                            : call.shape.num_tiles;
    for (int64_t index = begin; index < end; ++index) {
      tile.start(index, call.N);
      const int64_t first = tile.first();
      const auto M = [&](int i) {
        return Cotangent<T>{call.M != nullptr ? call.M + (first + i) * block : nullptr,
                            call.M != nullptr ? call.layout : Layout::kNone, K};
      };
      const auto V = [&](int i) { return call.V != nullptr ? load(call.V[first + i]) : C(0); };
      const auto G = [&](int e) { return call.G != nullptr ? load(call.G[first * K + e]) : C(0); };
      for_each(tile.values(), [&](int e) {
        x[e] = load(call.x[first * K + e]);
        x_bar[e] = C(0);
      });
      __syncthreads();
      for (int t = 0; t < call.num_terms; ++t) {
        const DeviceTerm<T>& term = tile.term(t);
        const VjpSteps steps = term.steps;
        // s, u, psi; M_u holds what phi'' adds to t1 until the products take its place.
        if (term.has_phi) {
          tile.evaluate_phi(term, x, [&](int e, auto get) {
            entries[e] = get(0);
            u[e] = get(1);
            M_u[e] = steps.t1 ? M(e / K).diagonal(e % K) * get(2) : C(0);
          });
        } else {
          for_each(tile.values(), [&](int e) { entries[e] = u[e] = M_u[e] = C(0); });
        }
        __syncthreads();
        tile.add_S_and_b(term, x, entries, u);
        if (term.needs_s) tile.template sum_rows<C>(entries, [&](int i, C sum) { s[i] = sum; });
        __syncthreads();
        tile.evaluate_psi(term, s, [&](int i, auto get) {
          psi1[i] = get(1);
          psi2[i] = get(2);
          psi3[i] = get(3);
        });
        // t1, M u, t2, t3.
        for_each(tile.values(), [&](int e) {
          const int i = e / K, k = e - i * K;
          const Cotangent<T> M_i = M(i);
          C product(0), inner = M_u[e];
          const bool adds_S = steps.t1 && tile.has_S(term);
          if (M_i.is_full() && (steps.M_u || adds_S)) {
            for (int j = 0; j < K; ++j) {
              const C m = M_i.entry(j, k);
              product = multiply_add(m, u[i * K + j], product);
              if (adds_S) inner = multiply_add(m, tile.S_entry(term, i, j, k), inner);
            }
          } else {
            product = M_i.diagonal(k) * u[e];
            if (adds_S) inner = multiply_add(M_i.diagonal(k), tile.S_entry(term, i, k, k), inner);
          }
          M_u[e] = steps.M_u ? product : C(0);
          entries[e] = inner;
        });
        tile.template sum_rows<C>(entries, [&](int i, C sum) { t1[i] = steps.t1 ? sum : C(0); });
        __syncthreads();
        for_each(tile.values(), [&](int e) { entries[e] = steps.t2 ? u[e] * M_u[e] : C(0); });
        tile.template sum_rows<C>(entries, [&](int i, C sum) { t2[i] = sum; });
        __syncthreads();
        for_each(tile.values(), [&](int e) { entries[e] = steps.t3 ? G(e) * u[e] : C(0); });
        tile.template sum_rows<C>(entries, [&](int i, C sum) {
          t3[i] = sum;
          s_bar[i] = formula::s_bar(psi1[i], psi2[i], psi3[i], V(i), t1[i], t2[i], sum);
        });
        for_each(tile.values(), [&](int e) {
          const int i = e / K;
          u_bar[e] = steps.u_bar ? formula::u_bar(psi1[i], psi2[i], M_u[e], G(e)) : C(0);
        });
        __syncthreads();
        if (call.x_bar != nullptr) {
          const auto add = [&](int e, C phi2, C phi3) {
            const int i = e / K, k = e - i * K;
            const C S_u_bar =
                tile.has_S(term) && steps.u_bar ? tile.S_times(term, i, k, u_bar) : C(0);
            x_bar[e] += formula::x_bar(s_bar[i], steps.u ? u[e] : C(0), S_u_bar, phi2, u_bar[e],
                                       psi1[i], M(i).diagonal(k), phi3);
          };
          if (term.has_phi) {
            tile.evaluate_phi(term, x, [&](int e, auto get) { add(e, get(2), get(3)); });
          } else {
            for_each(tile.values(), [&](int e) { add(e, C(0), C(0)); });
          }
        }
        for (int p = 0; p + 1 < term.phi.num_inputs; ++p) {
          const DeviceParameter<T>& to = tile.parameter(term.phi_parameters, p);
          if (to.bar == nullptr) continue;
          const int by = 4 + 3 * p;
          tile.evaluate_phi(term, x, [&](int e, auto get) {
            const int i = e / K;
            entries[e] = formula::phi_parameter_bar(s_bar[i], get(by), u_bar[e], get(by + 1),
                                                    psi1[i], M(i).diagonal(e - i * K), get(by + 2));
          });
          __syncthreads();
          const bool per_row = to.bar_row_stride != 0, per_column = to.bar_column_stride != 0;
          if (per_row && per_column) {
            for_each(tile.values(), [&](int e) { store(to.bar + first * K + e, entries[e]); });
          } else if (per_column) {
            for_each(K, [&](int k) {
              double sum = sums[to.sum + k];
              for (int i = 0; i < tile.rows(); ++i) sum += entries[i * K + k];
              sums[to.sum + k] = sum;
            });
          } else {
            tile.template sum_rows<double>(entries, [&](int i, double sum) {
              if (per_row) {
                store(to.bar + first + i, sum);
              } else {
                row_entries[i] = static_cast<C>(sum);
              }
            });
            __syncthreads();
            for_each(per_row ? 0 : 1, [&](int) {
              double sum = sums[to.sum];
              for (int i = 0; i < tile.rows(); ++i) sum += row_entries[i];
              sums[to.sum] = sum;
            });
          }
          __syncthreads();
        }
        const auto S_bar_entry = [&](int i, int row, int column) {
          const C* const u_bar_i = u_bar + i * K;
          const C* const x_i = x + i * K;
          const C product = formula::symmetric_product_entry(
              formula::w(u_bar_i[row], s_bar[i], x_i[row]), x_i[row],
              formula::w(u_bar_i[column], s_bar[i], x_i[column]), x_i[column]);
          if (!tile.has_psi(term, 1)) return product;
          return multiply_add(psi1[i], M(i).entry(row, column), product);
        };
        if (term.S_bar != nullptr) {
          for_each(tile.rows() * K * K, [&](int e) {
            const int i = e / (K * K), rest = e - i * (K * K);
            store(term.S_bar + first * K * K + e, S_bar_entry(i, rest / K, rest % K));
          });
        }
        if (term.S_sum >= 0) {
          for_each(K * K, [&](int e) {
            double sum = sums[term.S_sum + e];
            for (int i = 0; i < tile.rows(); ++i) sum += S_bar_entry(i, e / K, e % K);
            sums[term.S_sum + e] = sum;
          });
        }
        if (term.b_bar != nullptr) {
          for_each(tile.values(), [&](int e) {
            store(term.b_bar + first * K + e, formula::b_bar(u_bar[e], s_bar[e / K], x[e]));
          });
        }
        if (term.b_sum >= 0) {
          for_each(K, [&](int k) {
            double sum = sums[term.b_sum + k];
            for (int i = 0; i < tile.rows(); ++i) {
              sum += formula::b_bar(u_bar[i * K + k], s_bar[i], x[i * K + k]);
            }
            sums[term.b_sum + k] = sum;
          });
        }
        for (int q = 0; q + 1 < term.psi.num_inputs; ++q) {
          const DeviceParameter<T>& to = tile.parameter(term.psi_parameters, q);
          if (to.bar == nullptr) continue;
          const int by = 4 + 3 * q;
          tile.evaluate_psi(term, s, [&](int i, auto get) {
            row_entries[i] = formula::psi_parameter_bar(V(i), get(by), t1[i], t3[i], get(by + 1),
                                                        t2[i], get(by + 2));
            if (to.bar_row_stride != 0) store(to.bar + first + i, row_entries[i]);
          });
          __syncthreads();
          for_each(to.sum < 0 ? 0 : 1, [&](int) {
            double sum = sums[to.sum];
            for (int i = 0; i < tile.rows(); ++i) sum += row_entries[i];
            sums[to.sum] = sum;
          });
          __syncthreads();
        }
        __syncthreads();
      }
      if (call.x_bar != nullptr) {
        for_each(tile.values(), [&](int e) { store(call.x_bar + first * K + e, x_bar[e]); });
      }
      __syncthreads();
    }
  }
}

// Adds up the shards' sums of one cotangent.
template <typename T>
struct Finish {
  const double* sums;
  int64_t num_shards, num_sums, count;
  T* out;
};

template <typename T>
__global__ void finish_kernel(const __grid_constant__ Finish<T> call) {
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < call.count;
       i += gridDim.x * int64_t{kThreads}) {
    double sum = 0;
    for (int64_t shard = 0; shard < call.num_shards; ++shard) {
      sum += call.sums[shard * call.num_sums + i];
    }
    store(call.out + i, sum);
  }
}

// A cotangent that is a sum over rows.
template <typename T>
struct Sum {
  int64_t start, count;
  T* out;
};

template <typename T>
struct PreparedVjp {
  Preparation<TermsVjpArguments<T>, T> common;
  std::vector<Sum<T>> sums;
  int64_t num_sums, num_shards, tiles_per_shard, sums_at;

  int64_t num_blocks() const { return std::min(num_shards, common.most_blocks()); }
};

// Enough shards to fill a GPU, with less memory than kMostSumBytes unless one needs more.
constexpr int64_t kMostSumBytes = int64_t{128} << 20;

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
    if (bars.S.data != nullptr && bars.S.row_stride != 0) device.S_bar = bars.S.data;
    if (bars.S.data != nullptr && bars.S.row_stride == 0) {
      device.S_sum = reserve(K * K, bars.S.data);
    }
    if (bars.b.data != nullptr && bars.b.row_stride != 0) device.b_bar = bars.b.data;
    if (bars.b.data != nullptr && bars.b.row_stride == 0) device.b_sum = reserve(K, bars.b.data);
    device.psi_parameters =
        add_parameters(operands.psi_parameters, bars.psi_parameters, term.num_psi_parameters());
    terms.push_back(device);
  }
  PreparedVjp<T> prepared{
      {arguments, std::move(plan), std::move(terms), 6, 9}, std::move(sums), num_sums, 0, 1, 0};
  const int64_t num_tiles = prepared.common.shape.num_tiles;
  const int64_t sum_bytes = std::max<int64_t>(1, num_sums * int64_t{sizeof(double)});
  const int64_t most_shards = std::clamp<int64_t>(kMostSumBytes / sum_bytes, 1, kMostShards);
  prepared.tiles_per_shard = std::max<int64_t>(1, ceil_divide(num_tiles, most_shards));
  prepared.num_shards = ceil_divide(num_tiles, prepared.tiles_per_shard);
  prepared.common.reserve_tiles(prepared.num_blocks());
  prepared.sums_at =
      prepared.common.reserve(prepared.num_shards * num_sums * int64_t{sizeof(double)});
  return prepared;
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
    const Result result =
        launch(vjp_kernel<T>, call, prepared.num_blocks(), prepared.common.shared_bytes, stream);
    if (!result.is_done()) return result;
  }
  for (const Sum<T>& sum : prepared.sums) {
    if (sum.count == 0) continue;
    const Finish<T> finish{call.sums + sum.start, prepared.num_shards, prepared.num_sums, sum.count,
                           sum.out};
    const int64_t blocks = std::min(ceil_divide(sum.count, kThreads), kMostBlocks);
    const Result result = launch(finish_kernel<T>, finish, blocks, 0, stream);
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
