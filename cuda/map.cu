// A program applied elementwise.
#include "cuda/functions.h"
#include "cuda/prepare.h"

namespace blockhess::cuda {

namespace {

template <typename T>
struct MapOutput {
  T* data;
  int64_t index;  // among the outputs of the program
};

template <typename T>
struct MapCall {
  int64_t count;
  DeviceProgram program;
  int32_t num_outputs, slot_width;
  int32_t inputs, outputs;  // offsets in words
  Words words;
};

// A launch computes so many outputs at most, so that every program fits the words of a kernel's
// arguments. Constants count among its instructions.
constexpr int kOutputsPerLaunch = 32;
static_assert(kMaxInstructions + 2 * kMaxInputs + 2 * kOutputsPerLaunch +
                  kOutputsPerLaunch / kOutputsPerWord <=
              kInlineWords);

template <typename T, bool has_gamma>
__global__ void __launch_bounds__(kThreads, blocks_together(has_gamma))
    map_kernel(const __grid_constant__ MapCall<T> call) {
  using C = Arithmetic<T>;
  const uint64_t* const words = address(call.words);
  for (int64_t first = blockIdx.x * int64_t{kTileValues}; first < call.count;
       first += gridDim.x * int64_t{kTileValues}) {
    const int64_t rest = call.count - first;
    evaluate<C, has_gamma>(
        words, call.program, call.slot_width,
        rest < kTileValues ? static_cast<int>(rest) : kTileValues,
        [&](int e, int p) {
          const MapInput<T>& input = at<MapInput<T>>(words, call.inputs + 2 * p);
          return load(input.data[(first + e) * input.stride]);
        },
        [&](int e, auto get) {
          for (int o = 0; o < call.num_outputs; ++o) {
            const MapOutput<T>& to = at<MapOutput<T>>(words, call.outputs + 2 * o);
            store(to.data + (first + e), get(static_cast<int>(to.index)));
          }
        });
  }
}

}  // namespace

// A program of many outputs runs several times, each time cut to what some of them need.
template <typename T>
Result map(const MapArguments<T>& arguments, void* stream) {
  using C = Arithmetic<T>;
  if (arguments.count == 0) return {};
  const size_t num_outputs = arguments.program->outputs.size();
  for (size_t first = 0; first < num_outputs; first += kOutputsPerLaunch) {
    const size_t last = std::min(first + kOutputsPerLaunch, num_outputs);
    std::vector<bool> needed(num_outputs, false);
    std::fill(needed.begin() + first, needed.begin() + last, true);
    Program program = arguments.program->restricted_to(needed);
    program.outputs.assign(program.outputs.begin() + first, program.outputs.begin() + last);
    PlanWriter plan;
    MapCall<T> call{};
    call.count = arguments.count;
    call.program = plan.add_program<C>(program);
    call.inputs = plan.append(arguments.inputs, program.num_inputs);
    std::vector<MapOutput<T>> outputs;
    for (size_t o = first; o < last; ++o) {
      outputs.push_back({arguments.outputs[o], static_cast<int64_t>(o - first)});
    }
    call.outputs = plan.append(outputs.data(), outputs.size());
    call.num_outputs = static_cast<int32_t>(outputs.size());
    call.slot_width = slot_width(plan.most_slots(), sizeof(C), kMostSharedBytes);
    std::copy(plan.words().begin(), plan.words().end(), call.words.here);
    const int64_t blocks = std::min(ceil_divide(arguments.count, kTileValues), kMostBlocks);
    const auto kernel = plan.has_gamma() ? map_kernel<T, true> : map_kernel<T, false>;
    const Result result =
        launch(kernel, call, {blocks}, slot_bytes(plan.most_slots(), call.slot_width), stream);
    if (!result.is_done()) return result;
  }
  return {};
}

template Result map(const MapArguments<float>&, void*);
template Result map(const MapArguments<double>&, void*);
template Result map(const MapArguments<Half>&, void*);
template Result map(const MapArguments<BFloat16>&, void*);

}  // namespace blockhess::cuda
