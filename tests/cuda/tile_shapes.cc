// Reads N, K, slots, arrays and arrays of rows from each line, and prints how the kernels cut a
// call in float32 into tiles: rows, tiles, bytes of shared memory, strips of dense blocks.
#include <iostream>

#include "cuda/tile_shape.h"

int main() {
  using namespace blockhess::cuda;
  int64_t N, K, arrays, row_arrays;
  int num_slots;
  while (std::cin >> N >> K >> num_slots >> arrays >> row_arrays) {
    const auto [shape, in_workspace, shared_bytes] =
        choose_shape(N, K, {num_slots, arrays, row_arrays, sizeof(float)});
    std::cout << shape.rows << ' ' << shape.num_tiles << ' ' << shared_bytes << ' '
              << choose_strips(shape, K * K * int64_t{sizeof(float)}) << '\n';
  }
}
