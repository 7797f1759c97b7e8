// Sizes of the caches.
#pragma once

#include <cstdint>
#include <fstream>

namespace blockhess::cpu {

inline constexpr int64_t kCacheLine = 64;  // bytes

// That of the cores' shared cache. Where the system does not tell (only Linux is asked), what a
// server usually has.
inline int64_t shared_cache_bytes() {
  static const int64_t bytes = [] {
    constexpr int64_t kUsual = 32 << 20;
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index3/size");
    int64_t size = 0;
    char unit = 0;
    if (!(file >> size >> unit)) return kUsual;
    return unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : kUsual;
  }();
  return bytes;
}

}  // namespace blockhess::cpu
