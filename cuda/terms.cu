// The forward pass: value, gradient and blocks of a sum of terms, in one kernel that evaluates a
// tile of rows and writes its blocks once.
#include "cuda/blocks.h"
#include "cuda/functions.h"
#include "cuda/prepare.h"

namespace blockhess::cuda {

namespace {

template <typename T>
struct TermsCall {
  int64_t N;
  int32_t num_terms;
  Layout layout;
  bool has_diagonal;
  TileShape shape;
  Divisor by_block, by_row;
  const T* x;
  T *value, *gradient, *hessian;
  Words words;
};

template <typename T>
__global__ void __launch_bounds__(kThreads)
    terms_kernel(const __grid_constant__ TermsCall<T> call) {
  using C = Arithmetic<T>;
  Tile<T> tile(call.shape, address(call.words));
  const int K = call.shape.K, full_rows = call.shape.rows, full = full_rows * K;
  C* const u = tile.take(call.num_terms * full);
  C* const x = tile.take(full);
  C* const entries = tile.take(full);
  C* const phi2 = tile.take(full);
  C* const diagonal = tile.take(full);
  C* const psi1 = tile.take(call.num_terms * full_rows);
  C* const psi2 = tile.take(call.num_terms * full_rows);
  C* const s = tile.take(full_rows);
  C* const value = tile.take(full_rows);

  for (int64_t index = blockIdx.x; index < call.shape.num_tiles; index += gridDim.x) {
    tile.start(index, call.N);
    const int64_t first = tile.first();
    for_each(tile.values(), [&](int e) {
      x[e] = load(call.x[first * K + e]);
      diagonal[e] = C(0);
    });
    for_each(tile.rows(), [&](int i) { value[i] = C(0); });
    __syncthreads();
    for (int t = 0; t < call.num_terms; ++t) {
      const DeviceTerm<T>& term = tile.term(t);
      C* const u_t = u + t * full;
      C* const psi1_t = psi1 + t * full_rows;
      C* const psi2_t = psi2 + t * full_rows;
      if (term.has_phi) {
        tile.evaluate_phi(term, x, [&](int e, auto get) {
          entries[e] = get(0);
          u_t[e] = get(1);
          phi2[e] = get(2);
        });
      } else {
        for_each(tile.values(), [&](int e) { entries[e] = u_t[e] = C(0); });
      }
      if (tile.has_S(term) || term.b != nullptr) {
        __syncthreads();
        tile.add_S_and_b(term, x, entries, u_t);
      }
      if (term.needs_s) tile.template sum_rows<C>(entries, [&](int i, C sum) { s[i] = sum; });
      __syncthreads();
      tile.evaluate_psi(term, s, [&](int i, auto get) {
        value[i] += get(0);
        psi1_t[i] = get(1);
        psi2_t[i] = get(2);
      });
      __syncthreads();
      if (tile.has_psi(term, 1) && tile.has_phi(term, 2)) {
        for_each(tile.values(),
                 [&](int e) { diagonal[e] = multiply_add(psi1_t[e / K], phi2[e], diagonal[e]); });
        __syncthreads();
      }
    }
    if (call.value != nullptr) {
      for_each(tile.rows(), [&](int i) { store(call.value + first + i, value[i]); });
    }
    if (call.gradient != nullptr) {
      for_each(tile.values(), [&](int e) {
        C sum(0);
        for (int t = 0; t < call.num_terms; ++t) {
          if (!tile.has_psi(tile.term(t), 1)) continue;
          sum = multiply_add(psi1[t * full_rows + e / K], u[t * full + e], sum);
        }
        store(call.gradient + first * K + e, sum);
      });
    }
    const TermArrays<C> arrays{u, psi1, psi2, call.has_diagonal ? diagonal : nullptr};
    T* const out = call.hessian + first * call.by_block.divisor();
    const auto write = [&](auto write_layout) {
      write_layout(tile, call.num_terms, full_rows, arrays, call.by_block, call.by_row, out);
    };
    if (call.layout == Layout::kDense) write(write_blocks<T, Layout::kDense>);
    if (call.layout == Layout::kDiag) write(write_blocks<T, Layout::kDiag>);
    if (call.layout == Layout::kPacked) write(write_blocks<T, Layout::kPacked>);
    __syncthreads();
  }
}

template <typename T>
using TermsPreparation = Preparation<TermsArguments<T>, T>;

template <typename T>
bool has_diagonal(const Term& term) {
  return term.phi && term.phi->outputs[2].is_slot() && term.psi.outputs[1].is_slot();
}

template <typename T>
int64_t num_blocks(const TermsPreparation<T>& prepared) {
  return std::min(prepared.shape.num_tiles, prepared.most_blocks());
}

template <typename T>
TermsPreparation<T> prepare(const TermsArguments<T>& arguments) {
  PlanWriter plan(arguments.num_terms * sizeof(DeviceTerm<T>) / 8);
  std::vector<DeviceTerm<T>> terms;
  for (int t = 0; t < arguments.num_terms; ++t) {
    const Term& term = arguments.terms[t];
    const Operands<const T>& operands = arguments.operands[t];
    DeviceTerm<T> device = device_term<T>(term, operands, arguments.K, plan);
    std::vector<DeviceParameter<T>> parameters;
    for (int p = 0; p < term.num_phi_parameters(); ++p) {
      parameters.push_back(device_parameter<T>(operands.phi_parameters[p]));
    }
    device.phi_parameters = plan.append(parameters.data(), parameters.size());
    parameters.clear();
    for (int p = 0; p < term.num_psi_parameters(); ++p) {
      parameters.push_back(device_parameter<T>(operands.psi_parameters[p]));
    }
    device.psi_parameters = plan.append(parameters.data(), parameters.size());
    terms.push_back(device);
  }
  const int64_t count = arguments.num_terms;
  TermsPreparation<T> prepared(arguments, std::move(plan), std::move(terms), 4 + count,
                               2 + 2 * count);
  prepared.reserve_tiles(num_blocks<T>(prepared));
  return prepared;
}

}  // namespace

template <typename T>
int64_t terms_workspace(const TermsArguments<T>& arguments) {
  if (arguments.N == 0 || arguments.K > kMostColumns) return 0;
  return prepare(arguments).workspace_bytes();
}

template <typename T>
Result terms(const TermsArguments<T>& arguments, void* workspace, void* stream) {
  if (arguments.K > kMostColumns) return {Status::kTooWide, 0};
  if (arguments.N == 0) return {};
  TermsPreparation<T> prepared = prepare(arguments);
  TermsCall<T> call{};
  const Result filled = prepared.fill(workspace, stream, &call.words);
  if (!filled.is_done()) return filled;
  call.N = arguments.N;
  call.num_terms = arguments.num_terms;
  const bool writes_blocks = arguments.hessian != nullptr && arguments.K > 0;
  call.layout = writes_blocks ? arguments.layout : Layout::kNone;
  for (int t = 0; t < arguments.num_terms; ++t) {
    call.has_diagonal |= has_diagonal<T>(arguments.terms[t]);
  }
  call.shape = prepared.shape;
  if (writes_blocks) {
    call.by_block = Divisor(static_cast<uint32_t>(block_size(arguments.layout, arguments.K)));
    call.by_row = Divisor(static_cast<uint32_t>(arguments.K));
  }
  call.x = arguments.x;
  call.value = arguments.value;
  call.gradient = arguments.gradient;
  call.hessian = arguments.hessian;
  return launch(terms_kernel<T>, call, num_blocks<T>(prepared), prepared.shared_bytes, stream);
}

const char* Result::text() const {
  if (status == Status::kDone) return "done";
  if (status == Status::kTooWide)
    return "rows of more than 32768 columns are not served on the GPU";
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

#define BLOCKHESS_INSTANTIATE(T)                              \
  template int64_t terms_workspace(const TermsArguments<T>&); \
  template Result terms(const TermsArguments<T>&, void*, void*);
BLOCKHESS_INSTANTIATE(float)
BLOCKHESS_INSTANTIATE(double)
BLOCKHESS_INSTANTIATE(Half)
BLOCKHESS_INSTANTIATE(BFloat16)
#undef BLOCKHESS_INSTANTIATE

}  // namespace blockhess::cuda
