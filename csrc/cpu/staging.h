// How a large output reaches memory. A plain store of a line that is not in the cache first reads
// it, so an output that is larger than the cache is composed in the first-level cache, piece by
// piece, and streamed from there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "csrc/cpu/cache.h"
#include "csrc/cpu/scratch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace blockhess::cpu {

// Two threads of an AVX-512 EPYC write 39 GB/s to memory with streaming stores and 28 with plain
// ones; lines of zeros, 80 and 28. Where the output fits the shared cache plain stores win, 50
// to 35.
#if defined(__x86_64__)
inline constexpr bool kCanStream = true;

// Copies one cache line; both addresses are aligned to it.
inline void stream_line(const char* from, char* to) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_load_si512(from));
#elif defined(__AVX__)
  for (int i = 0; i < kCacheLine; i += 32) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm256_load_si256(reinterpret_cast<const __m256i*>(from + i)));
  }
#else
  for (int i = 0; i < kCacheLine; i += 16) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm_load_si128(reinterpret_cast<const __m128i*>(from + i)));
  }
#endif
}

// Streamed lines are in memory before anything that the thread does next is seen.
inline void finish_streaming() { _mm_sfence(); }
#else
inline constexpr bool kCanStream = false;
inline void stream_line(const char* from, char* to) { std::memcpy(to, from, kCacheLine); }
inline void finish_streaming() {}
#endif

// Whether an output of this size is to be streamed.
inline bool is_streamed(int64_t bytes) { return kCanStream && bytes > shared_cache_bytes(); }

// How far an address lies behind the start of its cache line, in bytes.
inline int64_t line_offset(const void* address) {
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(address) % kCacheLine);
}

// memcpy whose whole lines are streamed. `from` and `to` have the same line_offset.
inline void stream_copy(const char* from, char* to, int64_t bytes) {
  const int64_t head = std::min((kCacheLine - line_offset(to)) % kCacheLine, bytes);
  std::memcpy(to, from, head);
  int64_t i = head;
  for (; i + kCacheLine <= bytes; i += kCacheLine) stream_line(from + i, to + i);
  std::memcpy(to + i, from + i, bytes - i);
}

// The place where one thread composes an output, `most` values at a time.
template <typename T>
class Staging {
 public:
  Staging(int64_t most, bool streams, Scratch& scratch)
      : streams_(streams), values_(scratch.take<T>(streams ? most + kCacheLine : 0)) {}

  bool streams() const { return streams_; }

  // compose(where) writes `count` values to the address that it is given.
  template <typename Compose>
  void write(T* out, int64_t count, const Compose& compose) const {
    if (!streams_) return compose(out);
    T* const staged = place_for(out);
    compose(staged);
    stream(staged, out, count);
  }

  // Where streams(): a few of `count` values are not zero, and put(where, true) writes these,
  // put(where, false) zeros in their place. Never used on what also serves write().
  template <typename Put>
  void write_sparse(T* out, int64_t count, const Put& put) const {
    T* const staged = place_for(out);
    put(staged, true);
    stream(staged, out, count);
    put(staged, false);
  }

 private:
  T* place_for(const T* out) const { return values_ + line_offset(out) / sizeof(T); }

  static void stream(const T* staged, T* out, int64_t count) {
    stream_copy(reinterpret_cast<const char*>(staged), reinterpret_cast<char*>(out),
                count * static_cast<int64_t>(sizeof(T)));
  }

  bool streams_;
  T* values_;
};

}  // namespace blockhess::cpu
