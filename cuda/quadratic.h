// The matrix S: its symmetric part, and S x by a kernel of its own, where it would take the thread
// block of a tile too long.
#pragma once

#include <algorithm>

#include "cuda/launch.h"
#include "cuda/sum.h"

namespace blockhess::cuda {

template <typename T>
__device__ inline Arithmetic<T> symmetric_entry(const T* S, int K, int row, int column) {
  return Arithmetic<T>(0.5) * (load(S[row * K + column]) + load(S[column * K + row]));
}

template <typename T>
struct Symmetrise {
  const T* S;
  Arithmetic<T>* out;
  int K;
};

template <typename T>
__global__ void symmetrise_kernel(const __grid_constant__ Symmetrise<T> call) {
  const int K = call.K;
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < int64_t{K} * K;
       i += gridDim.x * int64_t{kThreads}) {
    const int row = static_cast<int>(i) / K, column = static_cast<int>(i) - row * K;
    call.out[i] = symmetric_entry(call.S, K, row, column);
  }
}

template <typename T>
Result symmetrise(const T* S, Arithmetic<T>* out, int64_t K, void* stream) {
  const Symmetrise<T> call{S, out, static_cast<int>(K)};
  const int64_t blocks = ceil_divide(K * K, kThreads);
  return launch(symmetrise_kernel<T>, call, {std::min(blocks, kMostBlocks)}, 0, stream);
}

template <typename T>
struct Product {
  int64_t N;
  int K;
  const T* x;
  const T* S;  // of each row; null: shared_S
  int64_t S_stride;
  const Arithmetic<T>* shared_S;
  Arithmetic<T>* out;  // (N, K)
  Columns columns;
};

template <typename T>
__global__ void __launch_bounds__(kThreads)
    product_kernel(const __grid_constant__ Product<T> call) {
  using C = Arithmetic<T>;
  const int K = call.K, num_columns = call.columns.number();
  const int groups = (K + num_columns - 1) / num_columns;
  for (int64_t g = blockIdx.x; g < call.N * groups; g += gridDim.x) {
    const int64_t i = g / groups;
    const int column = static_cast<int>(g - i * groups) * num_columns + call.columns.own();
    // Columns past the last repeat it.
    const int k = column < K ? column : K - 1;
    const T* const x = call.x + i * K;
    const C sum = sum_in_parts<C>(call.columns, K, [&](int64_t index) {
      const int j = static_cast<int>(index);
      const C S = call.shared_S != nullptr ? call.shared_S[j * K + k]
                                           : symmetric_entry(call.S + i * call.S_stride, K, j, k);
      return S * load(x[j]);
    });
    if (column < K && call.columns.own_part() == 0) call.out[i * K + k] = sum;
  }
}

template <typename T>
Result multiply(const Product<T>& call, void* stream) {
  const int64_t blocks = call.N * ceil_divide(call.K, call.columns.number());
  return launch(product_kernel<T>, call, {std::min(blocks, kMostBlocks)}, sum_bytes<Arithmetic<T>>,
                stream);
}

}  // namespace blockhess::cuda
