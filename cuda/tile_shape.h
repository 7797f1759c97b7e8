// How a call is cut into tiles and where they lie. Plain C++.
#pragma once

#include <algorithm>
#include <cstdint>

#include "csrc/core/host_device.h"
#include "cuda/divisor.h"
#include "cuda/sizes.h"

namespace blockhess::cuda {

inline constexpr int64_t kAlignment = 16;
inline constexpr int64_t kStateBytes = 32;  // of a TileState

inline int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A row is summed in so many parts, whatever else is in the tile.
BLOCKHESS_HOST_DEVICE inline int sum_parts(int64_t K) { return K < 32 ? 1 : 32; }

// Threads that read a row of a matrix together: of a wide row they read at a time what memory
// delivers at a time, 32 bytes in float.
BLOCKHESS_HOST_DEVICE inline int row_threads(int K) { return K < 16 ? 2 : K < 32 ? 4 : 8; }

// The bytes of the slots of so many threads that run programs, 16 bytes a slot.
inline int64_t slot_bytes(int num_slots, int64_t width) { return num_slots * width * 16; }

// Threads that run programs of so many slots, of values of so many bytes, with so many bytes of
// shared memory.
inline int slot_width(int num_slots, int64_t value_bytes, int64_t most_bytes) {
  int64_t width = std::min<int64_t>(kThreads, ceil_divide(kTileValues, 16 / value_bytes));
  while (width > 1 && slot_bytes(num_slots, width) > most_bytes) width /= 2;
  return static_cast<int>(width);
}

struct TileShape {
  int K;
  int rows;        // of a full tile
  int slot_width;  // threads that run programs
  Divisor by_row;  // K
  int64_t num_tiles;
  int64_t memory_bytes;              // of a tile's arrays
  unsigned char* in_workspace;       // where the thread blocks' tiles lie; null: in shared memory
  int state_at, sums_at, memory_at;  // in shared memory, in bytes
};

// What a tile holds: slots of a thread that runs programs, arrays (rows, K) and (rows) of values of
// so many bytes.
struct TileContents {
  int num_slots;
  int64_t arrays, row_arrays, value_bytes;
};

struct ShapeChoice {
  TileShape shape;
  bool in_workspace;
  int64_t shared_bytes;  // of a thread block
};

inline ShapeChoice choose_shape(int64_t N, int64_t K, const TileContents& contents) {
  TileShape shape{};
  shape.K = static_cast<int>(K);
  // Few rows are spread over many thread blocks.
  int64_t rows = std::min(kTileValues / std::max<int64_t>(K, 1), ceil_divide(N, kManyBlocks));
  rows = std::max<int64_t>(rows, 1);
  shape.slot_width = slot_width(contents.num_slots, contents.value_bytes, kMostSharedBytes / 2);
  const auto sum_bytes = [&] {
    return aligned(std::max<int64_t>(kThreads, rows * sum_parts(K)) * int64_t{sizeof(double)});
  };
  const auto tile_bytes = [&] {
    return aligned((contents.arrays * K + contents.row_arrays) * rows * contents.value_bytes);
  };
  const int64_t state = slot_bytes(contents.num_slots, shape.slot_width);
  const int64_t sums = state + kStateBytes;
  while (rows > 1 && sums + sum_bytes() + tile_bytes() > kMostSharedBytes) rows /= 2;
  shape.rows = static_cast<int>(rows);
  if (K > 0) shape.by_row = Divisor(static_cast<uint32_t>(K));
  shape.num_tiles = ceil_divide(N, rows);
  shape.state_at = static_cast<int>(state);
  shape.sums_at = static_cast<int>(sums);
  shape.memory_at = static_cast<int>(sums + sum_bytes());
  shape.memory_bytes = tile_bytes();
  const bool in_workspace = shape.memory_at + shape.memory_bytes > kMostSharedBytes;
  return {shape, in_workspace, shape.memory_at + (in_workspace ? 0 : shape.memory_bytes)};
}

// Thread blocks that write a strip each of the same tiles: as many as fill a GPU with strips that
// are neither too small nor less than twice the arrays of the tile, which each thread block fills.
inline int64_t choose_strips(const TileShape& shape, int64_t block_bytes) {
  const int64_t least = std::max(kLeastStrip, 2 * shape.memory_bytes);
  const int64_t most = std::max<int64_t>(1, shape.rows * block_bytes / least);
  return std::min(most, ceil_divide(kManyBlocks, shape.num_tiles));
}

}  // namespace blockhess::cuda
