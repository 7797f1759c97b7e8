// The host's side that the forward pass and the vector-Jacobian product share: what the workspace
// of a call holds, and the small kernels that fill it.
#pragma once

#include <algorithm>
#include <vector>

#include "cuda/launch.h"
#include "cuda/plan.h"
#include "cuda/quadratic.h"
#include "cuda/tile.h"

namespace blockhess::cuda {

inline constexpr int64_t kMostTileMemory = int64_t{64} << 20;  // of all tiles in the workspace

// A piece of the words on its way into the workspace.
struct Upload {
  uint64_t* out;
  int32_t count;
  uint64_t words[kInlineWords];
};

static __global__ void upload_kernel(const __grid_constant__ Upload call) {
  for_each(call.count, [&](int i) { call.out[i] = call.words[i]; });
}

// What lies where in the workspace, in bytes, and the shape of the tiles. `arrays` and `row_arrays`
// count the arrays (rows, K) and (rows) of a tile.
template <typename Arguments, typename T>
class Preparation {
 public:
  using C = Arithmetic<T>;

  Preparation(const Arguments& arguments, PlanWriter plan, std::vector<DeviceTerm<T>> terms,
              int64_t arrays, int64_t row_arrays)
      : arguments_(arguments), plan_(std::move(plan)), terms_(std::move(terms)) {
    const ShapeChoice choice = choose_shape(
        arguments.N, arguments.K, {plan_.most_slots(), arrays, row_arrays, int64_t{sizeof(C)}});
    shape = choice.shape;
    shared_bytes = choice.shared_bytes;
    tiles_in_workspace_ = choice.in_workspace;
    S_at_.assign(terms_.size(), -1);
    for (size_t t = 0; t < terms_.size(); ++t) {
      if (!is_shared_S(t)) continue;
      S_at_[t] = reserve(arguments.K * arguments.K * int64_t{sizeof(C)});
    }
    if (is_far()) words_at_ = reserve(int64_t{8} * static_cast<int64_t>(plan_.words().size()));
  }

  TileShape shape;
  int64_t shared_bytes = 0;

  // Reserves so many bytes; returns where they start.
  int64_t reserve(int64_t bytes) {
    const int64_t at = workspace_bytes_;
    workspace_bytes_ += aligned(bytes);
    return at;
  }
  void reserve_tiles(int64_t blocks) {
    if (tiles_in_workspace_) tiles_at_ = reserve(blocks * shape.memory_bytes);
  }
  DeviceTerm<T>& term(int t) { return terms_[t]; }
  bool has_gamma() const { return plan_.has_gamma(); }
  bool has_S(int t) const { return arguments_.terms[t].quadratic && arguments_.K > 0; }
  int64_t most_blocks() const {
    if (!tiles_in_workspace_) return kMostBlocks;
    return std::clamp<int64_t>(kMostTileMemory / shape.memory_bytes, 1, kMostBlocks);
  }
  int64_t workspace_bytes() const { return workspace_bytes_; }

  // Fills the workspace, and `words` for the kernel to come.
  Result fill(void* workspace, void* stream, Words* words) {
    auto* const memory = static_cast<unsigned char*>(workspace);
    shape.in_workspace = tiles_in_workspace_ ? memory + tiles_at_ : nullptr;
    for (size_t t = 0; t < terms_.size(); ++t) {
      if (is_shared_S(t)) {
        C* const out = reinterpret_cast<C*>(memory + S_at_[t]);
        const Result result = symmetrise(arguments_.operands[t].S.data, out, arguments_.K, stream);
        if (!result.is_done()) return result;
        terms_[t].shared_S = out;
      }
      plan_.put(t * sizeof(DeviceTerm<T>) / 8, terms_[t]);
    }
    const std::vector<uint64_t>& all = plan_.words();
    const int64_t count = static_cast<int64_t>(all.size());
    words->in_workspace = nullptr;
    if (!is_far()) {
      std::copy(all.begin(), all.end(), words->here);
      return {};
    }
    auto* const far = reinterpret_cast<uint64_t*>(memory + words_at_);
    for (int64_t first = 0; first < count; first += kInlineWords) {
      Upload call{};
      call.out = far + first;
      call.count = static_cast<int32_t>(std::min<int64_t>(kInlineWords, count - first));
      std::copy_n(all.begin() + first, call.count, call.words);
      const Result result = launch(upload_kernel, call, {1}, 0, stream);
      if (!result.is_done()) return result;
    }
    words->in_workspace = far;
    return {};
  }

 private:
  bool is_far() const { return plan_.words().size() > size_t{kInlineWords}; }
  bool is_shared_S(int t) const { return has_S(t) && arguments_.operands[t].S.row_stride == 0; }

  const Arguments& arguments_;
  PlanWriter plan_;
  std::vector<DeviceTerm<T>> terms_;
  std::vector<int64_t> S_at_;
  bool tiles_in_workspace_ = false;
  int64_t workspace_bytes_ = 0, tiles_at_ = 0, words_at_ = 0;
};

// The parts of a term that both the forward pass and the vector-Jacobian product read. The terms
// come first in the plan.
template <typename T>
DeviceTerm<T> device_term(const Term& term, const Operands<const T>& operands, int64_t K,
                          PlanWriter& plan) {
  using C = Arithmetic<T>;
  DeviceTerm<T> result{};
  result.has_phi = term.phi.has_value();
  if (term.phi) result.phi = plan.add_program<C>(*term.phi);
  result.psi = plan.add_program<C>(term.psi);
  result.needs_s = term.psi.reads_input(0);
  result.is_norm = term.is_norm;
  if (term.quadratic && operands.S.row_stride != 0 && K > 0) {
    result.S = operands.S.data;
    result.S_stride = operands.S.row_stride;
  }
  if (term.linear) {
    result.b = operands.b.data;
    result.b_stride = operands.b.row_stride;
  }
  result.b_sum = -1;
  return result;
}

template <typename T>
DeviceParameter<T> device_parameter(const Parameter<const T>& from) {
  return {from.data, from.row_stride, from.column_stride, nullptr, 0, 0, -1};
}

}  // namespace blockhess::cuda
