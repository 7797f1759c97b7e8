// The host's side that the two directions share: how a call is cut into tiles, what its workspace
// holds, and the small kernels that fill the workspace.
#pragma once

#include <algorithm>
#include <vector>

#include "cuda/launch.h"
#include "cuda/plan.h"
#include "cuda/quadratic.h"
#include "cuda/tile.h"

namespace blockhess::cuda {

inline constexpr int64_t kAlignment = 16;
inline constexpr int64_t kMostTileMemory = int64_t{64} << 20;  // of all tiles in the workspace

inline int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Threads that run programs of so many slots with so many bytes of shared memory.
template <typename C>
int64_t slot_bytes(int num_slots, int64_t width) {
  return num_slots * width * kLanes<C> * int64_t{sizeof(C)};
}
template <typename C>
int slot_width(int num_slots, int64_t most_bytes) {
  int64_t width = std::min<int64_t>(kThreads, ceil_divide(kTileValues, kLanes<C>));
  while (width > 1 && slot_bytes<C>(num_slots, width) > most_bytes) width /= 2;
  return static_cast<int>(width);
}

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
    choose_shape(arrays, row_arrays);
    S_at_.assign(terms_.size(), -1);
    for (size_t t = 0; t < terms_.size(); ++t) {
      if (!is_shared_S(t)) continue;
      S_at_[t] = reserve(arguments.K * arguments.K * int64_t{sizeof(C)});
    }
    if (is_far()) words_at_ = reserve(int64_t{8} * static_cast<int64_t>(plan_.words().size()));
  }

  TileShape shape;
  int64_t shared_bytes = 0;

  // More room, of so many bytes.
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

  void choose_shape(int64_t arrays, int64_t row_arrays) {
    const int64_t K = arguments_.K;
    shape = TileShape{};
    shape.K = static_cast<int>(K);
    // Few rows are spread over many thread blocks.
    int64_t rows =
        std::min(kTileValues / std::max<int64_t>(K, 1), ceil_divide(arguments_.N, kManyBlocks));
    rows = std::max<int64_t>(rows, 1);
    shape.slot_width = slot_width<C>(plan_.most_slots(), kMostSharedBytes / 2);
    const auto sum_bytes = [&] { return rows * sum_parts(K) * int64_t{sizeof(double)}; };
    const auto tile_bytes = [&] {
      return aligned((arrays * K + row_arrays) * rows * int64_t{sizeof(C)});
    };
    const int64_t state = slot_bytes<C>(plan_.most_slots(), shape.slot_width);
    const int64_t sums = state + aligned(sizeof(TileState));
    while (rows > 1 && sums + aligned(sum_bytes()) + tile_bytes() > kMostSharedBytes) rows /= 2;
    shape.rows = static_cast<int>(rows);
    if (K > 0) shape.by_row = Divisor(static_cast<uint32_t>(K));
    shape.num_tiles = ceil_divide(arguments_.N, rows);
    shape.state_at = static_cast<int>(state);
    shape.sums_at = static_cast<int>(sums);
    shape.memory_at = static_cast<int>(sums + aligned(sum_bytes()));
    shape.memory_bytes = tile_bytes();
    tiles_in_workspace_ = shape.memory_at + shape.memory_bytes > kMostSharedBytes;
    shared_bytes = shape.memory_at + (tiles_in_workspace_ ? 0 : shape.memory_bytes);
  }

  const Arguments& arguments_;
  PlanWriter plan_;
  std::vector<DeviceTerm<T>> terms_;
  std::vector<int64_t> S_at_;
  bool tiles_in_workspace_ = false;
  int64_t workspace_bytes_ = 0, tiles_at_ = 0, words_at_ = 0;
};

// The parts of a term that both directions read. The terms come first in the plan.
template <typename T>
DeviceTerm<T> device_term(const Term& term, const Operands<const T>& operands, int64_t K,
                          PlanWriter& plan) {
  using C = Arithmetic<T>;
  DeviceTerm<T> result{};
  result.has_phi = term.phi.has_value();
  if (term.phi) result.phi = plan.add_program<C>(*term.phi);
  result.psi = plan.add_program<C>(term.psi);
  result.needs_s = term.psi.reads_input(0);
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
