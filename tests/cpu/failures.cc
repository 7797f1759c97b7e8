// Failures in threads, and in starting them: failures <case>. Exits with 0 where all is as it
// should be.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "csrc/cpu/scratch.h"
#include "csrc/cpu/shard.h"
#include "csrc/python/threads.h"

// How many allocations of this thread succeed before one fails; negative: all.
thread_local int allocations_left = -1;

void* operator new(size_t bytes) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace blockhess::cpu {
namespace {

bool each_unit_is_done_once(int allocations) {
  constexpr int64_t kUnits = 100;
  int num_threads = 4;
  std::vector<std::atomic<int>> done(kUnits);
  auto body = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++done[i];
  };
  const ParallelFor parallel_for = blockhess::parallel_for(num_threads);
  allocations_left = allocations;
  parallel_for(kUnits, 1, body);
  allocations_left = -1;
  for (const std::atomic<int>& times : done) {
    if (times != 1) return false;
  }
  return true;
}

// The vector of threads, or the state of one of them, finds no memory.
bool threads_without_memory() {
  for (int allocations = 0; allocations < 8; ++allocations) {
    if (!each_unit_is_done_once(allocations)) return false;
  }
  return true;
}

// Throws on its first call.
template <typename Exception>
struct ThrowingWorker {
  ThrowingWorker(int, Scratch&) {}
  void operator()(int64_t, int64_t) { throw Exception(); }
};

struct Error : std::length_error {
  Error() : std::length_error("of a vector") {}
};

template <typename Exception>
Result result_of_throwing(int num_threads) {
  constexpr int64_t kUnits = 1000, kCost = 1'000'000;
  return run_shards<ThrowingWorker<Exception>>(0, kUnits, kCost,
                                               blockhess::parallel_for(num_threads));
}

bool exceptions_in_threads() {
  for (const int num_threads : {1, 4}) {
    if (result_of_throwing<std::bad_alloc>(num_threads) != Result::kOutOfMemory) return false;
    if (result_of_throwing<Error>(num_threads) != Result::kFailed) return false;
    if (result_of_throwing<int>(num_threads) != Result::kFailed) return false;
  }
  return true;
}

bool counts_without_memory() {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const int64_t count : {kMost, kMost / 8, int64_t{-1}, -kMost}) {
    Scratch measure;
    try {
      measure.take<double>(count);
      return false;
    } catch (const std::bad_alloc&) {
    }
  }
  return aligned_bytes(0, 8) == 0 && aligned_bytes(9, 8) == 128;
}

bool run(const std::string& name) {
  if (name == "threads_without_memory") return threads_without_memory();
  if (name == "exceptions_in_threads") return exceptions_in_threads();
  if (name == "counts_without_memory") return counts_without_memory();
  return false;
}

}  // namespace
}  // namespace blockhess::cpu

int main(int, char** words) { return blockhess::cpu::run(words[1]) ? 0 : 1; }
