// Memory of the length that a backend is told, and not a value more.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace blockhess::fuzz {

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "ERROR: %s\n", what);
  std::abort();
}

// Whether outputs have room for one value less than they need: a sanitizer that does not notice is
// not there.
inline bool outputs_are_short = false;

template <typename T>
class Buffer {
 public:
  // Between guards of its own, which see what a sanitizer does not (stores of vectors past the
  // cache), or with nothing around it, where the sanitizer looks; there nothing is at null.
  Buffer(int64_t count, bool guarded, int fill = 0)
      : count_(count), guard_(guarded ? kGuard : 0), memory_(nullptr) {
    const int64_t bytes = count * sizeof(T) + 2 * guard_;
    if (bytes > 0) memory_ = static_cast<char*>(std::malloc(bytes));
    if (bytes > 0 && memory_ == nullptr) fail("no memory for a buffer");
    if (bytes == 0) return;
    std::memset(memory_, kPattern, bytes);
    std::memset(memory_ + guard_, fill, count * sizeof(T));
  }
  Buffer(Buffer&& other)
      : count_(other.count_),
        guard_(other.guard_),
        memory_(std::exchange(other.memory_, nullptr)) {}
  Buffer& operator=(Buffer&&) = delete;

  ~Buffer() {
    if (memory_ != nullptr) check_guards();
    std::free(memory_);
  }

  T* data() const { return memory_ ? reinterpret_cast<T*>(memory_ + guard_) : nullptr; }
  int64_t count() const { return count_; }

 private:
  static constexpr int64_t kGuard = 128;  // bytes: two of the widest vectors
  static constexpr char kPattern = 0x5a;

  void check_guards() const {
    const char* const end = memory_ + guard_ + count_ * sizeof(T);
    for (int64_t i = 0; i < guard_; ++i) {
      if (memory_[i] != kPattern || end[i] != kPattern) fail("written beside an output");
    }
  }

  int64_t count_, guard_;
  char* memory_;
};

}  // namespace blockhess::fuzz
