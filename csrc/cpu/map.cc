#include "csrc/cpu/map.h"

#include <algorithm>
#include <cstring>

#include "csrc/core/program.h"
#include "csrc/cpu/cost.h"
#include "csrc/cpu/evaluator.h"
#include "csrc/cpu/shard.h"

namespace blockhess::cpu {

namespace {

template <typename T>
class MapWorker {
 public:
  MapWorker(const MapArguments<T>& arguments, Scratch& scratch)
      : arguments_(arguments),
        chunk_(std::min(arguments.count, kChunk)),
        evaluator_(*arguments.program, chunk_, scratch) {}

  void operator()(int64_t begin, int64_t end) {
    fill_repeated_inputs();
    for (int64_t first = begin; first < end; first += chunk_) {
      run_chunk(first, std::min(chunk_, end - first));
    }
  }

 private:
  void fill_repeated_inputs() {
    for (int i = 0; i < arguments_.program->num_inputs; ++i) {
      const MapInput<T>& input = arguments_.inputs[i];
      if (input.stride == 0) std::fill_n(evaluator_.input(i), chunk_, *input.data);
    }
  }

  void run_chunk(int64_t first, int64_t count) {
    for (int i = 0; i < arguments_.program->num_inputs; ++i) {
      const MapInput<T>& input = arguments_.inputs[i];
      if (input.stride == 0) continue;
      std::memcpy(evaluator_.input(i), input.data + first, count * sizeof(T));
    }
    evaluator_.run(count);
    for (size_t i = 0; i < arguments_.program->outputs.size(); ++i) {
      evaluator_.copy_output(static_cast<int>(i), count, arguments_.outputs[i] + first);
    }
  }

  const MapArguments<T>& arguments_;
  int64_t chunk_;
  Evaluator<T> evaluator_;
};

}  // namespace

template <typename T>
Result map(const MapArguments<T>& arguments, const ParallelFor& parallel_for) {
  const int64_t cost = cost_per_value(*arguments.program);
  return run_shards<MapWorker<T>>(arguments, arguments.count, cost, parallel_for);
}

template Result map(const MapArguments<float>&, const ParallelFor&);
template Result map(const MapArguments<double>&, const ParallelFor&);

}  // namespace blockhess::cpu
