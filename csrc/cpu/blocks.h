// Writes the blocks of a tile: H_i = sum over terms of psi' S + psi'' u u', plus a diagonal.
#pragma once

#include <cstdint>
#include <vector>

#include "csrc/core/layout.h"

namespace blockhess::cpu {

// What a term adds to the blocks of a tile.
template <typename T>
struct BlockPart {
  const T* S;  // symmetric, S_stride values from row to row of the tile; null: no such part
  int64_t S_stride;
  const T* S_scale;  // (rows): psi'
  const T* u;        // (rows, K); null: no such part
  const T* u_scale;  // (rows): psi''

  bool empty() const { return S == nullptr && u == nullptr; }
};

// Writes rows * block_size(layout, K) values; layout is dense or packed. Each block is written once
// to memory: several parts meet in cache. `diagonal` (rows, K) may be null.
template <typename T>
void write_blocks(const std::vector<BlockPart<T>>& parts, const T* diagonal, Layout layout,
                  int64_t rows, int64_t K, T* blocks);

}  // namespace blockhess::cpu
