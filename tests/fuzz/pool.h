// A pool of threads that several callers share, as an op's callers share TensorFlow's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "csrc/cpu/parallel.h"

namespace blockhess::fuzz {

class Pool {
 public:
  explicit Pool(int num_threads) {
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { work(); });
  }

  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // What a backend calls; it is told of `num_threads`, whatever the pool has.
  cpu::ParallelFor parallel_for(int num_threads) {
    const auto run = [](void* pool, int64_t total, int64_t, cpu::ParallelFor::Body body,
                        void* context) { static_cast<Pool*>(pool)->run(total, body, context); };
    return {run, this, num_threads};
  }

 private:
  struct Job {
    cpu::ParallelFor::Body body;
    void* context;
    int64_t total, next = 0, done = 0;  // units; under the mutex
  };

  void run(int64_t total, cpu::ParallelFor::Body body, void* context) {
    const auto job = std::make_shared<Job>(Job{body, context, total});
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.push_back(job);
    changed_.notify_all();
    while (job->next < job->total) run_unit(*job, lock);
    changed_.wait(lock, [&] { return job->done == job->total; });
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const std::shared_ptr<Job> job = jobs_.front();
      if (job->next < job->total) {
        run_unit(*job, lock);
      } else if (jobs_.front() == job) {
        jobs_.pop_front();
      }
    }
  }

  void run_unit(Job& job, std::unique_lock<std::mutex>& lock) {
    const int64_t unit = job.next++;
    lock.unlock();
    job.body(job.context, unit, unit + 1);
    lock.lock();
    if (++job.done == job.total) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace blockhess::fuzz
