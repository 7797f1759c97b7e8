// The forward pass: value, gradient and blocks of a sum of terms, in one kernel that evaluates a
// tile of rows and writes its blocks once. Where tiles are few and wide, several thread blocks
// evaluate the same tile and each writes a strip of its blocks.
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
  bool is_norm;  // what makes the blocks
  TileShape shape;
  Writing writing;
  const T* x;
  T *value, *gradient, *hessian;
  Words words;
};

// The arrays of a tile: x, what s sums, phi'', the diagonal of the blocks; s, the value; of each
// term u; psi', psi''. Of a norm, last, what t has beside s.
constexpr int kArrays = 4, kRowArrays = 2;

// The diagonal entry for value e of a norm; `phi` holds the values of its row.
template <typename T, bool has_gamma>
__device__ Arithmetic<T> norm_diagonal(const Tile<T, has_gamma>& tile, int e,
                                       const Arithmetic<T>* phi, Arithmetic<T> psi1,
                                       Arithmetic<T> phi2, Arithmetic<T> s, Arithmetic<T> offset) {
  using C = Arithmetic<T>;
  const C t = s + offset;
  if (phi[e] >= formula::dominating_phi(t)) {
    const int first = tile.row_of(e) * tile.K();
    C others = offset;
#pragma unroll 1
    for (int j = first; j < first + tile.K(); ++j) others += j == e ? C(0) : phi[j];
    return formula::dominating_entry(psi1, phi2, others, t);
  }
  return formula::norm_entry(psi1, phi2, phi[e], t);
}

// The blocks in a layout that is known; with has_gamma in any.
template <typename T, Layout known_layout, bool has_gamma>
__global__ void __launch_bounds__(kThreads, blocks_together(has_gamma))
    terms_kernel(const __grid_constant__ TermsCall<T> call) {
  using C = Arithmetic<T>;
  Tile<T, has_gamma> tile(call.shape);
  const auto x = [&] { return tile.array(0); };
  const auto entries = [&] { return tile.array(1); };
  const auto phi2 = [&] { return tile.array(2); };
  const auto diagonal = [&] { return tile.array(3); };
  const auto u = [&](int t) { return tile.array(kArrays + t); };
  const auto row_array = [&](int number) {
    return tile.row_array(kArrays + call.num_terms, number);
  };
  const auto s = [&] { return row_array(0); };
  const auto value = [&] { return row_array(1); };
  const auto psi1 = [&](int t) { return row_array(kRowArrays + t); };
  const auto psi2 = [&](int t) { return row_array(kRowArrays + call.num_terms + t); };
  const auto offset = [&] { return row_array(kRowArrays + 2 * call.num_terms); };
  const Strip strip{static_cast<int>(blockIdx.y), static_cast<int>(gridDim.y)};

  for (int64_t index = blockIdx.x; index < call.shape.num_tiles; index += gridDim.x) {
    tile.start(index, call.N, address(call.words));
    for_each(tile.values(), [&](int e) {
      x()[e] = load(call.x[tile.place(e)]);
      diagonal()[e] = C(0);
    });
    for_each(tile.rows(), [&](int i) { value()[i] = C(0); });
    __syncthreads();
#pragma unroll 1
    for (int t = 0; t < call.num_terms; ++t) {
      const DeviceTerm<T>& term = tile.term(t);
      if (term.has_phi) {
        tile.evaluate_phi(term, x(), [&](int e, auto get) {
          entries()[e] = get(0);
          u(t)[e] = get(1);
          phi2()[e] = get(2);
        });
      } else {
        for_each(tile.values(), [&](int e) { entries()[e] = u(t)[e] = C(0); });
      }
      if (tile.has_S(term) || term.b != nullptr) {
        __syncthreads();
        tile.add_S_and_b(term, x(), entries(), u(t));
      }
      if (term.needs_s) tile.template sum_rows<C>(entries(), [&](int i, C sum) { s()[i] = sum; });
      __syncthreads();
      tile.evaluate_psi(term, s(), [&](int i, auto get) {
        value()[i] += get(0);
        psi1(t)[i] = get(1);
        psi2(t)[i] = get(2);
        if (term.is_norm) offset()[i] = get(3);
      });
      __syncthreads();
      if (term.is_norm) {
        for_each(tile.values(), [&](int e) {
          const int i = tile.row_of(e);
          diagonal()[e] =
              norm_diagonal(tile, e, entries(), psi1(t)[i], phi2()[e], s()[i], offset()[i]);
        });
        __syncthreads();
      } else if (term.psi.has(1) && term.phi.has(2)) {
        for_each(tile.values(), [&](int e) {
          diagonal()[e] = multiply_add(psi1(t)[tile.row_of(e)], phi2()[e], diagonal()[e]);
        });
        __syncthreads();
      }
    }
    if (call.value != nullptr && strip.number == 0) {
      for_each(tile.rows(), [&](int i) { store(call.value + tile.first() + i, value()[i]); });
    }
    if (call.gradient != nullptr && strip.number == 0) {
      for_each(tile.values(), [&](int e) {
        C sum(0);
        for (int t = 0; t < call.num_terms; ++t) {
          if (!tile.term(t).psi.has(1)) continue;
          sum = multiply_add(psi1(t)[tile.row_of(e)], u(t)[e], sum);
        }
        store(call.gradient + tile.place(e), sum);
      });
    }
    const auto place = [&](const C* array) { return static_cast<int>(array - tile.array(0)); };
    const TermArrays<C> arrays{tile.array(0),
                               place(u(0)),
                               place(psi1(0)),
                               place(psi2(0)),
                               call.has_diagonal ? place(diagonal()) : -1,
                               call.is_norm};
    switch (has_gamma ? call.layout : known_layout) {
#define LAYOUT(layout, ...)                                                                        \
  case Layout::layout:                                                                             \
    write_hessian<T, Layout::layout>(tile, call.num_terms, arrays, call.writing, strip, entries(), \
                                     call.hessian);                                                \
    break;
#include "csrc/core/layouts.def"
    }
  }
}

bool has_diagonal(const Term& term) {
  return term.phi && term.phi->outputs[2].is_slot() && term.psi.outputs[1].is_slot();
}

template <typename T>
bool has_norm(const TermsArguments<T>& arguments) {
  const Term* const terms = arguments.terms;
  return std::any_of(terms, terms + arguments.num_terms, [](const Term& t) { return t.is_norm; });
}

template <typename T>
struct PreparedTerms {
  Preparation<TermsArguments<T>, T> common;
  int64_t num_strips;
  std::vector<int64_t> products_at;  // of S x; where there are strips

  Grid grid() const { return {std::min(common.shape.num_tiles, common.most_blocks()), num_strips}; }
};

template <typename T>
PreparedTerms<T> prepare(const TermsArguments<T>& arguments) {
  PlanWriter plan(arguments.num_terms * sizeof(DeviceTerm<T>) / 8);
  std::vector<DeviceTerm<T>> terms;
  for (int t = 0; t < arguments.num_terms; ++t) {
    const Term& term = arguments.terms[t];
    const Operands<const T>& operands = arguments.operands[t];
    DeviceTerm<T> device = device_term<T>(term, operands, arguments.K, plan);
    const auto add_parameters = [&](const Parameter<const T>* from, int count) {
      std::vector<DeviceParameter<T>> parameters;
      for (int p = 0; p < count; ++p) parameters.push_back(device_parameter<T>(from[p]));
      return plan.append(parameters.data(), parameters.size());
    };
    device.phi_parameters = add_parameters(operands.phi_parameters, term.num_phi_parameters());
    device.psi_parameters = add_parameters(operands.psi_parameters, term.num_psi_parameters());
    terms.push_back(device);
  }
  const int64_t count = arguments.num_terms;
  const int64_t row_arrays = kRowArrays + 2 * count + has_norm(arguments);
  PreparedTerms<T> prepared{
      {arguments, std::move(plan), std::move(terms), kArrays + count, row_arrays}, 1, {}};
  prepared.num_strips = choose_strips(
      prepared.common.shape, block_size(arguments.layout, arguments.K) * int64_t{sizeof(T)});
  for (int t = 0; t < arguments.num_terms; ++t) {
    const bool is_product = prepared.num_strips > 1 && prepared.common.has_S(t);
    const int64_t bytes = arguments.N * arguments.K * int64_t{sizeof(Arithmetic<T>)};
    prepared.products_at.push_back(is_product ? prepared.common.reserve(bytes) : -1);
  }
  const Grid grid = prepared.grid();
  prepared.common.reserve_tiles(grid.x * grid.y);
  return prepared;
}

template <typename T>
auto choose_kernel(Layout layout, bool has_gamma) {
  if (has_gamma) return terms_kernel<T, Layout::kNone, true>;
  return with_known_layout(layout, [](auto known) { return terms_kernel<T, known, false>; });
}

}  // namespace

template <typename T>
int64_t terms_workspace(const TermsArguments<T>& arguments) {
  if (!has_results(arguments) || arguments.K > kMostColumns) return 0;
  return prepare(arguments).common.workspace_bytes();
}

template <typename T>
Result terms(const TermsArguments<T>& arguments, void* workspace, void* stream) {
  using C = Arithmetic<T>;
  if (arguments.K > kMostColumns) return {Status::kTooWide, 0};
  if (!has_results(arguments)) return {};
  PreparedTerms<T> prepared = prepare(arguments);
  auto* const memory = static_cast<unsigned char*>(workspace);
  for (int t = 0; t < arguments.num_terms; ++t) {
    if (prepared.products_at[t] < 0) continue;
    prepared.common.term(t).S_x = reinterpret_cast<C*>(memory + prepared.products_at[t]);
  }
  TermsCall<T> call{};
  Result result = prepared.common.fill(workspace, stream, &call.words);
  for (int t = 0; t < arguments.num_terms && result.is_done(); ++t) {
    const DeviceTerm<T>& term = prepared.common.term(t);
    if (term.S_x == nullptr) continue;
    result = multiply<T>({arguments.N, static_cast<int>(arguments.K), arguments.x, term.S,
                          term.S_stride, term.shared_S, term.S_x, Columns(arguments.K)},
                         stream);
  }
  if (!result.is_done()) return result;
  call.N = arguments.N;
  call.num_terms = arguments.num_terms;
  // Without columns there are no entries to write, but traces.
  const bool has_entries = block_size(arguments.layout, arguments.K) > 0;
  const bool writes_blocks = arguments.hessian != nullptr && has_entries;
  call.layout = writes_blocks ? arguments.layout : Layout::kNone;
  bool any_own_S = false;
  for (int t = 0; t < arguments.num_terms; ++t) {
    call.has_diagonal |= has_diagonal(arguments.terms[t]);
    any_own_S |= prepared.common.term(t).S != nullptr;
  }
  call.is_norm = has_norm(arguments);
  call.shape = prepared.common.shape;
  if (writes_blocks && call.shape.K > 0) {
    call.writing = prepare_writing<T>(call.layout, call.shape.K, any_own_S);
  }
  call.x = arguments.x;
  call.value = arguments.value;
  call.gradient = arguments.gradient;
  call.hessian = arguments.hessian;
  return launch(choose_kernel<T>(call.layout, prepared.common.has_gamma()), call, prepared.grid(),
                prepared.common.shared_bytes, stream);
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
