// How an op runs on a backend: in the type of its values, but in float32 for 16-bit values on the
// CPU.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "csrc/core/half.h"
#include "csrc/core/operands.h"
#include "csrc/cpu/parallel.h"
#include "csrc/tf/cpu_backend.h"

namespace blockhess {

// Stands for the CPU backend where the values are T, for which it has no code.
template <typename T>
struct WideningCpuBackend {
  using Value = T;

  explicit WideningCpuBackend(const cpu::ParallelFor& parallel_for) : parallel_for(parallel_for) {}

  cpu::ParallelFor parallel_for;
};

template <typename T>
using CpuBackendOf =
    std::conditional_t<std::is_floating_point_v<T>, CpuBackend<T>, WideningCpuBackend<T>>;

inline void narrow(float value, Half* to) { *to = to_half(value); }
inline void narrow(float value, BFloat16* to) { *to = to_bfloat16(value); }

// Calls convert(i) for every i below count.
template <typename Convert>
void for_values(const cpu::ParallelFor& parallel_for, int64_t count, const Convert& convert) {
  constexpr int64_t kChunk = 1 << 14, kCyclesPerValue = 4;
  auto chunks = [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * kChunk, count);
    for (int64_t i = begin * kChunk; i < last; ++i) convert(i);
  };
  parallel_for((count + kChunk - 1) / kChunk, kChunk * kCyclesPerValue, chunks);
}

// Converts whole tensors: working memory is twice what inputs and outputs take.
template <typename Op, typename T>
absl::Status run_in_float(const Op& op, const std::vector<Shape>& shapes,
                          const typename Op::Shapes& checked, const std::vector<const T*>& inputs,
                          const std::vector<T*>& outputs, const WideningCpuBackend<T>& backend) {
  std::vector<std::unique_ptr<float[]>> memory;
  const auto allocate = [&](const Shape& shape) {
    memory.emplace_back(new float[num_elements(shape)]);
    return memory.back().get();
  };
  std::vector<const float*> wide_inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    float* const wide = allocate(shapes[i]);
    for_values(backend.parallel_for, num_elements(shapes[i]),
               [=, from = inputs[i]](int64_t j) { wide[j] = to_float(from[j]); });
    wide_inputs.push_back(wide);
  }
  std::vector<float*> wide_outputs;
  for (const Shape& shape : checked.outputs) wide_outputs.push_back(allocate(shape));
  const absl::Status status =
      op.run(checked, wide_inputs, wide_outputs, CpuBackend<float>(backend.parallel_for));
  if (!status.ok()) return status;
  for (size_t i = 0; i < outputs.size(); ++i) {
    for_values(backend.parallel_for, num_elements(checked.outputs[i]),
               [from = wide_outputs[i], to = outputs[i]](int64_t j) { narrow(from[j], &to[j]); });
  }
  return absl::OkStatus();
}

// `shapes` are those of the inputs, `checked` is what the op made of them.
template <typename Op, typename T, typename Backend>
absl::Status run_op(const Op& op, const std::vector<Shape>& shapes,
                    const typename Op::Shapes& checked, const std::vector<const T*>& inputs,
                    const std::vector<T*>& outputs, Backend backend) {
  if constexpr (std::is_base_of_v<WideningCpuBackend<T>, Backend>) {
    return run_in_float(op, shapes, checked, inputs, outputs, backend);
  } else {
    return op.run(checked, inputs, outputs, std::move(backend));
  }
}

}  // namespace blockhess
