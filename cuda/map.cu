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

template <typename T>
__global__ void __launch_bounds__(kThreads) map_kernel(const __grid_constant__ MapCall<T> call) {
  using C = Arithmetic<T>;
  const uint64_t* const words = address(call.words);
  const int lane = static_cast<int>(threadIdx.x), width = call.slot_width;
  if (lane >= width) return;
  const Slots<C> slots{reinterpret_cast<C*>(shared_memory()) + lane, width};
  for (int64_t i = blockIdx.x * int64_t{width} + lane; i < call.count;
       i += gridDim.x * int64_t{width}) {
    for (int p = 0; p < call.program.num_inputs; ++p) {
      const MapInput<T>& input = at<MapInput<T>>(words, call.inputs + 2 * p);
      slots[p] = load(input.data[i * input.stride]);
    }
    run(words, call.program, slots);
    for (int o = 0; o < call.num_outputs; ++o) {
      const MapOutput<T>& to = at<MapOutput<T>>(words, call.outputs + 2 * o);
      store(to.data + i, output(words, call.program, slots, static_cast<int>(to.index)));
    }
  }
}

}  // namespace

// A program of many outputs runs several times, each time for as many as the words of one launch
// hold, cut to what those need.
template <typename T>
Result map(const MapArguments<T>& arguments, void* stream) {
  using C = Arithmetic<T>;
  constexpr size_t kOutputsPerLaunch = 32;
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
    int64_t width = kThreads;
    const auto slot_bytes = [&] { return width * plan.most_slots() * int64_t{sizeof(C)}; };
    while (width > 1 && slot_bytes() > kMostSharedBytes / 2) width /= 2;
    call.slot_width = static_cast<int32_t>(width);
    std::copy(plan.words().begin(), plan.words().end(), call.words.here);
    const int64_t blocks = std::min(ceil_divide(arguments.count, width), kMostBlocks);
    const Result result = launch(map_kernel<T>, call, blocks, slot_bytes(), stream);
    if (!result.is_done()) return result;
  }
  return {};
}

template Result map(const MapArguments<float>&, void*);
template Result map(const MapArguments<double>&, void*);
template Result map(const MapArguments<Half>&, void*);
template Result map(const MapArguments<BFloat16>&, void*);

}  // namespace blockhess::cuda
