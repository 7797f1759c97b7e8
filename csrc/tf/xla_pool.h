// Parallel loops on the thread pool that XLA gives to a custom call.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "csrc/cpu/parallel.h"
#include "xla/ffi/api/ffi.h"

namespace blockhess {

// A loop whose iterations ("turns") threads take one by one. A thread that starts when none is left
// takes none, so whoever waits for the loop never waits for a thread to start: XLA may call from a
// thread of the same pool, and all its others may be waiting, too.
class SharedLoop {
 public:
  SharedLoop(int64_t total, cpu::ParallelFor::Body body, void* body_context)
      : total_(total), body_(body), body_context_(body_context) {}

  void take_turns() {
    int64_t taken = 0;
    for (int64_t i = next_++; i < total_; i = next_++, ++taken) body_(body_context_, i, i + 1);
    const std::lock_guard lock(mutex_);
    done_ += taken;
    if (done_ == total_) all_done_.notify_one();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return done_ == total_; });
  }

 private:
  const int64_t total_;
  const cpu::ParallelFor::Body body_;
  void* const body_context_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
  int64_t done_ = 0;
};

// `pool` must outlive what is returned.
inline cpu::ParallelFor parallel_for(xla::ffi::ThreadPool& pool) {
  const auto run = [](void* context, int64_t total, int64_t, cpu::ParallelFor::Body body,
                      void* body_context) {
    auto& pool = *static_cast<xla::ffi::ThreadPool*>(context);
    const auto loop = std::make_shared<SharedLoop>(total, body, body_context);
    const int64_t others = std::min(pool.num_threads(), total) - 1;
    for (int64_t i = 0; i < others; ++i) pool.Schedule([loop] { loop->take_turns(); });
    loop->take_turns();
    loop->wait();
  };
  return {run, &pool, std::max(1, static_cast<int>(pool.num_threads()))};
}

}  // namespace blockhess
