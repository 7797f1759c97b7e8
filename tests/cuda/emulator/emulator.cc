#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "cuda_runtime.h"

// The thread sanitizer's, null where it is not linked in.
extern "C" {
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void* at);
__attribute__((weak)) void __tsan_release(void* at);
}

namespace emulator {

namespace {

constexpr size_t kStackBytes = 128 << 10;

// The thread sanitizer takes nothing for ordered because one fiber has run after another.
constexpr unsigned kNoOrder = 1;

// A thread of a block, or what launches.
struct Fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  void* for_sanitizer = nullptr;
  Position position;
  unsigned num_barriers = 0;  // that it has reached in this block
  bool has_left = false;
};

Fiber& launcher() {
  static Fiber fiber;
  return fiber;
}

// They serve launch after launch.
Fiber& fiber(unsigned thread) {
  static std::vector<std::unique_ptr<Fiber>> fibers;
  while (fibers.size() <= thread) {
    fibers.push_back(std::make_unique<Fiber>());
    fibers.back()->stack.reset(new char[kStackBytes]);
    if (__tsan_create_fiber) fibers.back()->for_sanitizer = __tsan_create_fiber(0);
  }
  return *fibers[thread];
}

Fiber* running = &launcher();
const std::function<void()>* running_body = nullptr;

void switch_to(Fiber& next) {
  Fiber& last = *running;
  running = &next;
  if (__tsan_switch_to_fiber) __tsan_switch_to_fiber(next.for_sanitizer, kNoOrder);
  swapcontext(&last.context, &next.context);
}

// What all threads do up to a barrier comes before what they do after it. Barriers take turns with
// two objects, so that a thread which is at the next one orders nothing for those still to leave
// this one.
char barriers[2];
unsigned turn = 0;  // from barrier to barrier

void reach_barrier() {
  if (__tsan_release) __tsan_release(&barriers[turn % 2]);
}

void leave_barrier(unsigned of_turn) {
  if (__tsan_acquire) __tsan_acquire(&barriers[of_turn % 2]);
}

void run_thread() {
  leave_barrier(turn - 1);
  (*running_body)();
  running->has_left = true;
  reach_barrier();
  switch_to(launcher());
}

// Runs one thread after another from barrier to barrier, the last first in every other turn: what
// lacks a barrier differs from turn to turn, also where no sanitizer looks.
void run_block(unsigned num_threads) {
  for (unsigned thread = 0; thread < num_threads; ++thread) {
    Fiber& one = fiber(thread);
    one.has_left = false;
    one.num_barriers = 0;
    getcontext(&one.context);
    one.context.uc_stack.ss_sp = one.stack.get();
    one.context.uc_stack.ss_size = kStackBytes;
    makecontext(&one.context, run_thread, 0);
  }
  for (unsigned num_left = 0; num_left == 0;) {
    reach_barrier();
    ++turn;
    for (unsigned i = 0; i < num_threads; ++i) {
      Fiber& next = fiber(turn % 2 ? i : num_threads - 1 - i);
      switch_to(next);
      num_left += next.has_left;
    }
    leave_barrier(turn);
    if (num_left != 0 && num_left != num_threads) {
      std::fprintf(stderr, "a thread has left the kernel while others wait at a barrier\n");
      std::abort();
    }
  }
}

}  // namespace

Position& position() { return running->position; }

void barrier() {
  if (++running->num_barriers == missing_barrier()) return;
  reach_barrier();
  switch_to(launcher());
  leave_barrier(turn - 1);
}

unsigned& stretched_grid() {
  static unsigned blocks = 0;
  return blocks;
}

unsigned& missing_barrier() {
  static unsigned number = 0;
  return number;
}

cudaError_t run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body) {
  constexpr size_t kMostShared = 48 << 10;
  if (grid.x == 0 || grid.y == 0 || grid.y > 65535 || block.x == 0 || shared_bytes > kMostShared) {
    return cudaErrorInvalidConfiguration;
  }
  if (__tsan_get_current_fiber) launcher().for_sanitizer = __tsan_get_current_fiber();
  running_body = &body;
  // The blocks follow each other, as a GPU with a single multiprocessor would run them.
  if (stretched_grid() > 0) grid = dim3(stretched_grid());
  const uint64_t num_blocks = uint64_t{grid.x} * grid.y;
  const uint64_t first = stretched_grid() > 0 ? num_blocks - kLastBlocks : 0;
  for (uint64_t b = first; b < num_blocks; ++b) {
    const std::unique_ptr<unsigned char[]> shared(new unsigned char[shared_bytes]);
    for (unsigned thread = 0; thread < block.x; ++thread) {
      Position& here = fiber(thread).position;
      here.thread = dim3(thread);
      here.block = dim3(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x));
      here.block_size = block;
      here.grid_size = grid;
      here.shared = shared.get();
    }
    run_block(block.x);
  }
  return cudaSuccess;
}

}  // namespace emulator
