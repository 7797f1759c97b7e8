// Runs the shards of a call and turns failures inside them into a result: no exception leaves a
// thread of the pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

#include "csrc/cpu/functions.h"
#include "csrc/cpu/parallel.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// `Worker` is constructed from (arguments, Scratch&) once to measure and once to work, and then
// called with (begin, end).
template <typename Worker, typename Arguments>
Result run_shards(const Arguments& arguments, int64_t total, int64_t cost,
                  const ParallelFor& parallel_for) {
  std::atomic<bool> out_of_memory{false};
  auto shard = [&](int64_t begin, int64_t end) {
    try {
      Scratch measure;
      Worker(arguments, measure);
      Scratch memory = Scratch::like(measure);
      Worker worker(arguments, memory);
      worker(begin, end);
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  };
  if (total > 0) parallel_for(total, cost, shard);
  return out_of_memory ? Result::kOutOfMemory : Result::kDone;
}

}  // namespace blockhess::cpu
