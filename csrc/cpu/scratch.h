// Aligned memory, and the working memory of one shard: laid out by a first pass that only measures,
// then allocated at once. Every array is aligned and padded to whole packs, so that loops over
// packs need no tail, and a pack may be read wherever a value may.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

namespace blockhess::cpu {

inline constexpr int64_t kAlignment = 64;  // bytes: a cache line and the widest pack

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using AlignedMemory = std::unique_ptr<char[], Free>;

// The least multiple of the alignment that holds `count` values. Throws std::bad_alloc where no
// memory could, or where a product that is the count has passed 2^63.
inline int64_t aligned_bytes(int64_t count, int64_t value_bytes) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 4;
  if (count < 0 || count > kMost / value_bytes) throw std::bad_alloc();
  return (count * value_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Uninitialised. `bytes` is a multiple of the alignment. Throws std::bad_alloc.
inline AlignedMemory allocate_aligned(int64_t bytes) {
  AlignedMemory memory(static_cast<char*>(std::aligned_alloc(kAlignment, bytes)));
  if (memory == nullptr && bytes > 0) throw std::bad_alloc();
  return memory;
}

class Scratch {
 public:
  // Measures: every array that it hands out is null.
  Scratch() = default;

  // Holds as much as `measured` has handed out, all zero. Throws std::bad_alloc.
  static Scratch like(const Scratch& measured) {
    Scratch scratch;
    const int64_t bytes = measured.used_ + kAlignment;
    scratch.memory_ = allocate_aligned(bytes);
    std::memset(scratch.memory_.get(), 0, bytes);
    return scratch;
  }

  // A cache line stays free behind each array: those of a tile have 4 KiB, and would else compete
  // for the same lines of the first-level cache.
  template <typename T>
  T* take(int64_t count) {
    const int64_t bytes = aligned_bytes(count, sizeof(T)) + kAlignment;
    T* const array = memory_ ? reinterpret_cast<T*>(memory_.get() + used_) : nullptr;
    if (__builtin_add_overflow(used_, bytes, &used_)) throw std::bad_alloc();
    return array;
  }

 private:
  AlignedMemory memory_;
  int64_t used_ = 0;
};

}  // namespace blockhess::cpu
