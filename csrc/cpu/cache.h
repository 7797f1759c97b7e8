// Sizes of the caches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>

namespace blockhess::cpu {

inline constexpr int64_t kCacheLine = 64;  // bytes

// What an output may have to itself of the cores' shared cache: its size, but no more than one
// group of cores has of it. Where the system does not tell (only Linux is asked), what a server
// usually has. A build may say what it is: tests stream outputs that are small.
inline int64_t shared_cache_bytes() {
#ifdef BLOCKHESS_SHARED_CACHE_BYTES
  return BLOCKHESS_SHARED_CACHE_BYTES;
#else
  static const int64_t bytes = [] {
    constexpr int64_t kUsual = 32 << 20, kMost = 64 << 20;
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index3/size");
    int64_t size = 0;
    char unit = 0;
    if (!(file >> size >> unit)) return kUsual;
    if (unit != 'K' && unit != 'M') return kUsual;
    return std::min(size << (unit == 'K' ? 10 : 20), kMost);
  }();
  return bytes;
#endif
}

}  // namespace blockhess::cpu
