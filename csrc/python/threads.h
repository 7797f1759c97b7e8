// The threads of a call from Python: started for the call, each with an equal part.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "csrc/cpu/parallel.h"

namespace blockhess {

inline cpu::ParallelFor parallel_for(int& num_threads) {
  const auto run = [](void* context, int64_t total, int64_t, cpu::ParallelFor::Body body,
                      void* body_context) {
    const int64_t threads = std::min<int64_t>(*static_cast<int*>(context), total);
    std::vector<std::thread> others;
    for (int64_t i = 1; i < threads; ++i) {
      others.emplace_back(body, body_context, total * i / threads, total * (i + 1) / threads);
    }
    body(body_context, 0, total / threads);
    for (std::thread& other : others) other.join();
  };
  return {run, &num_threads, num_threads};
}

}  // namespace blockhess
