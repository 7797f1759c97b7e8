// Writes the blocks of a tile: H_i = sum over terms of psi' S + psi'' u u', plus a diagonal.
#pragma once

#include <cstdint>
#include <vector>

#include "csrc/core/layout.h"
#include "csrc/cpu/scratch.h"
#include "csrc/cpu/staging.h"

namespace blockhess::cpu {

// What a term adds to the blocks of a tile.
template <typename T>
struct BlockPart {
  const T* S;  // symmetric, S_stride values from row to row of the tile; null: no such part
  int64_t S_stride;
  const T* S_scale;  // (rows): psi'
  const T* u;        // (rows, K); null: no such part
  const T* u_scale;  // (rows): psi''
};

// An entry of the diagonal that is not the sum of the parts, but this.
template <typename T>
struct DominatingEntry {
  int64_t block, k;
  T value;
};

// In the order of their blocks.
template <typename T>
struct DominatingEntries {
  DominatingEntry<T>* entries;
  int64_t count;

  const DominatingEntry<T>* begin() const { return entries; }
  const DominatingEntry<T>* end() const { return entries + count; }
};

// Rows [first, last) of a block.
struct BlockRows {
  int64_t first, last;
};

template <typename T>
class BlockWriter {
 public:
  // `layout` is full.
  BlockWriter(Layout layout, int64_t K, bool streams, Scratch& scratch);

  // Writes the rows `part_of_block` of `count` blocks; `blocks` is where the first block starts.
  // Every entry is written once to memory: the parts meet in the first-level cache. `diagonal`
  // (count, K) may be null.
  void write(const std::vector<BlockPart<T>>& parts, const T* diagonal,
             const DominatingEntries<T>& dominating, int64_t count, BlockRows part_of_block,
             T* blocks) const;

 private:
  Layout layout_;
  int64_t K_;
  Staging<T> staging_;
  Staging<T> zeros_;  // for blocks that are but a diagonal
};

}  // namespace blockhess::cpu
