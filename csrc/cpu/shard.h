// Spreads a call over threads and turns failures inside them into a result.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "csrc/cpu/parallel.h"
#include "csrc/cpu/result.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// How a call of `total` units is shared out. Each thread takes the next chunk when it is done with
// the last: a thread that wakes late, or is slowed down, takes fewer.
struct Shards {
  int64_t workers;
  int64_t chunk;  // units

  // `cost` is in cycles per unit; chunks are multiples of `multiple` units.
  Shards(int64_t total, int64_t cost, int64_t multiple, int num_threads) {
    // What it takes to wake a thread, and to make a chunk's start negligible.
    constexpr double kLeastPerWorker = 1e5, kLeastPerChunk = 2e4;
    constexpr int64_t kChunksPerWorker = 16;
    const double work = static_cast<double>(total) * static_cast<double>(cost);
    const int64_t multiples = (total + multiple - 1) / multiple;
    workers = static_cast<int64_t>(std::min(work / kLeastPerWorker, 1.0 * num_threads));
    workers = std::clamp<int64_t>(workers, 1, std::max<int64_t>(multiples, 1));
    const double per_chunk = std::max(kLeastPerChunk, work / (workers * kChunksPerWorker));
    const auto units = static_cast<int64_t>(per_chunk / std::max<int64_t>(cost, 1));
    chunk = workers == 1 ? total : std::max<int64_t>(units / multiple, 1) * multiple;
  }
};

// `Worker` is constructed from (arguments, Scratch&) once to measure and once to work, and then
// called with (begin, end) any number of times.
template <typename Worker, typename Arguments>
Result run_shards(const Arguments& arguments, int64_t total, int64_t cost,
                  const ParallelFor& parallel_for, int64_t multiple = 1) {
  if (total == 0) return Result::kDone;
  const Shards shards(total, cost, multiple, parallel_for.num_threads);
  std::atomic<Result> result{Result::kDone};
  std::atomic<int64_t> next{0};
  auto work = [&](int64_t, int64_t) {
    const Result own = caught([&] {
      int64_t begin = next.fetch_add(shards.chunk);
      if (begin >= total) return Result::kDone;
      Scratch measure;
      Worker(arguments, measure);
      Scratch memory = Scratch::like(measure);
      Worker worker(arguments, memory);
      for (; begin < total; begin = next.fetch_add(shards.chunk)) {
        worker(begin, std::min(begin + shards.chunk, total));
      }
      return Result::kDone;
    });
    if (own != Result::kDone) result = own;
  };
  if (shards.workers == 1) {
    work(0, 1);
  } else {
    // Costly enough that the pool makes each a task of its own; and more of them than threads, for
    // with as many TensorFlow's pool runs the first in the caller's thread and wakes a worker
    // beside it, which Linux likes to put on the same core (measured: 1.8 of 2.5 ms lost).
    constexpr int64_t kTaskCycles = 1 << 30, kTasksPerWorker = 4;
    parallel_for(kTasksPerWorker * shards.workers, kTaskCycles, work);
  }
  return result;
}

}  // namespace blockhess::cpu
