// How the CPU backend spreads work over threads: through a caller's thread pool, in plain C terms,
// so that the libraries of the instruction sets share no C++ runtime code with their caller.
#pragma once

#include <cstdint>

namespace blockhess::cpu {

struct ParallelFor {
  // Calls body(body_context, begin, end) for ranges that together cover [0, total), from any
  // threads, and returns when all are done. `cost` is in cycles per unit.
  using Body = void (*)(void* body_context, int64_t begin, int64_t end);
  void (*run)(void* context, int64_t total, int64_t cost, Body body, void* body_context);
  void* context;
  int num_threads;

  template <typename Function>
  void operator()(int64_t total, int64_t cost, Function& function) const {
    const Body body = [](void* body_context, int64_t begin, int64_t end) {
      (*static_cast<Function*>(body_context))(begin, end);
    };
    run(context, total, cost, body, &function);
  }
};

}  // namespace blockhess::cpu
