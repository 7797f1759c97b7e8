#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda_runtime.h"

namespace emulator {

namespace {

// Far more than any case needs between two barriers, under any sanitizer.
constexpr std::chrono::seconds kLongestWait(60);

// A barrier that all threads of a block must reach. One that never arrives, because it has left the
// kernel or is stuck elsewhere, ends the program with a message.
class Barrier {
 public:
  void reset(unsigned count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    count_ = count;
    arrived_ = left_ = 0;
  }

  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (left_ > 0) fail("a thread has left the kernel while others wait at a barrier");
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++generation_;
      all_here_.notify_all();
      return;
    }
    const auto generation = generation_;
    const auto is_over = [&] { return generation != generation_; };
    if (!all_here_.wait_for(lock, kLongestWait, is_over)) fail("threads wait at a barrier in vain");
  }

  // The calling thread is through with the kernel.
  void leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++left_;
    if (arrived_ > 0) fail("a thread has left the kernel while others wait at a barrier");
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    std::fprintf(stderr, "%s\n", why);
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable all_here_;
  unsigned count_ = 0, arrived_ = 0, left_ = 0;
  uint64_t generation_ = 0;
};

Barrier& block_barrier() {
  static Barrier barrier;
  return barrier;
}

}  // namespace

Position& position() {
  static thread_local Position position;
  return position;
}

void barrier() { block_barrier().wait(); }

int64_t& num_launches() {
  static int64_t count = 0;
  return count;
}

unsigned& stretched_grid() {
  static unsigned blocks = 0;
  return blocks;
}

cudaError_t run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body) {
  constexpr size_t kMostShared = 48 << 10;
  if (grid.x == 0 || grid.y == 0 || grid.y > 65535 || block.x == 0 || shared_bytes > kMostShared) {
    return cudaErrorInvalidConfiguration;
  }
  ++num_launches();
  // The first thread of a block allocates; the blocks follow each other, as a GPU with a single
  // multiprocessor would run them.
  static Barrier between_blocks;
  between_blocks.reset(block.x);
  std::unique_ptr<unsigned char[]> shared;
  if (stretched_grid() > 0) grid = dim3(stretched_grid());
  const uint64_t num_blocks = uint64_t{grid.x} * grid.y;
  const uint64_t first = stretched_grid() > 0 ? num_blocks - kLastBlocks : 0;
  const auto run_thread = [&](unsigned thread) {
    Position& here = position();
    here.thread = dim3(thread);
    here.block_size = block;
    here.grid_size = grid;
    for (uint64_t b = first; b < num_blocks; ++b) {
      if (thread == 0) {
        shared.reset(new unsigned char[shared_bytes]);
        block_barrier().reset(block.x);
      }
      between_blocks.wait();
      here.block = dim3(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x));
      here.shared = shared.get();
      body();
      block_barrier().leave();
      between_blocks.wait();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < block.x; ++thread) threads.emplace_back(run_thread, thread);
  for (std::thread& thread : threads) thread.join();
  return cudaSuccess;
}

}  // namespace emulator
