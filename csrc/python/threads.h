// The threads of a call from Python: started for the call, each with an equal part. The caller's
// thread does what remains where the system gives no more threads.
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
    const auto part = [&](int64_t i) { return total * i / threads; };
    std::vector<std::thread> others;
    int64_t started = 1;
    try {
      others.reserve(threads);
      for (; started < threads; ++started) {
        others.emplace_back(body, body_context, part(started), part(started + 1));
      }
    } catch (...) {
      body(body_context, part(started), total);
    }
    body(body_context, 0, part(1));
    for (std::thread& other : others) other.join();
  };
  return {run, &num_threads, num_threads};
}

}  // namespace blockhess
