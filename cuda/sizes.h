// The sizes of a thread block, and of the work that is divided among thread blocks.
#pragma once

#include <cstdint>

namespace blockhess::cuda {

#ifdef BLOCKHESS_EMULATED
// The emulation has few threads, and limits that small cases already pass.
inline constexpr int kThreads = 8;
inline constexpr int kParts = 4;
inline constexpr int kTileValues = 24;
inline constexpr int64_t kMostSharedBytes = 8 << 10;
inline constexpr int64_t kMostBlocks = 3;
inline constexpr int64_t kMostShards = 5;
inline constexpr int64_t kManyThreads = 64;
inline constexpr int64_t kManyBlocks = 4;
inline constexpr int64_t kLeastStrip = 512;
#else
inline constexpr int kThreads = 256;
// The most parts of a sum by a whole thread block.
inline constexpr int kParts = 32;
inline constexpr int kTileValues = 512;
// The shared memory that every kernel has without opting in; larger tiles lie in the workspace.
inline constexpr int64_t kMostSharedBytes = 48 << 10;
inline constexpr int64_t kMostBlocks = 4096;
// The most shards of a sum over rows.
inline constexpr int64_t kMostShards = 1024;
// Threads, and thread blocks, that are enough to fill any GPU of today.
inline constexpr int64_t kManyThreads = 1 << 18;
inline constexpr int64_t kManyBlocks = 1024;
// The least bytes of blocks that are worth another evaluation of their rows.
inline constexpr int64_t kLeastStrip = 32 << 10;
#endif

inline int64_t ceil_divide(int64_t a, int64_t b) { return a / b + (a % b != 0); }

}  // namespace blockhess::cuda
