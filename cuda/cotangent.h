// The Hessian cotangent M, and the cotangent of S that it is the largest part of:
//
//   S_bar_i = psi' M_i + sym(w_i x_i')
//
// for each row or summed over them. One entry of a matrix, of every so many rows, is a thread's
// work: neighbours read and write what is next to each other, and with a wide K there are threads
// enough although a row may be all that a shard has.
#pragma once

#include <algorithm>

#include "csrc/core/formula.h"
#include "csrc/core/layout.h"
#include "cuda/launch.h"

namespace blockhess::cuda {

// The cotangent M of one row's block.
template <typename T>
struct Cotangent {
  using C = Arithmetic<T>;
  const T* block;
  Layout layout;
  int K;

  // M of row i; no layout where there is no M.
  __device__ Cotangent(const T* M, Layout layout, int K, int64_t i)
      : block(M != nullptr ? M + i * block_size(layout, K) : nullptr),
        layout(M != nullptr ? layout : Layout::kNone),
        K(K) {}

  __device__ bool is_full() const { return blockhess::is_full(layout); }
  // Where entry (row, 0) of a full M is or would be; stored are those from first_column to before
  // end_column.
  __device__ const T* row(int row) const { return block + row_offset(layout, K, row); }
  __device__ int first_column(int row) const {
    return static_cast<int>(blockhess::first_column(layout, row));
  }
  __device__ int end_column(int row) const {
    return static_cast<int>(blockhess::end_column(layout, K, row));
  }
  // What is stored of a column of a full M times get(row), summed.
  template <typename Get>
  __device__ C column_times(int column, Get get) const {
    const bool upper = is_upper(layout);
    const T* entry = block + column;
    C sum(0);
#pragma unroll 4
    for (int row = 0; row < (upper ? column + 1 : K); ++row) {
      sum = multiply_add(load(*entry), get(row), sum);
      entry += upper ? K - 1 - row : K;
    }
    return sum;
  }
  __device__ C diagonal(int k) const { return at(place(k, k)); }

  // Where an entry off the diagonal and its mirror image stand in any block, and what each of them
  // is of the entry of the symmetric part.
  struct Entry {
    int place, mirrored;
    C share;
  };
  __device__ Entry find(int row, int column) const {
    const bool is_alone = row == column;
    return {place(row, column), is_alone ? kNowhere : place(column, row), C(is_alone ? 1 : 0.5)};
  }
  __device__ C symmetric(Entry entry) const {
    return entry.share * (at(entry.place) + at(entry.mirrored));
  }
  // Of a matrix with the same symmetric part.
  __device__ C stored(Entry entry) const { return at(entry.place); }

 private:
  static constexpr int kNowhere = -1;

  __device__ int place(int row, int column) const {
    if (!has_entry(layout, K, row, column)) return kNowhere;
    return static_cast<int>(row_offset(layout, K, row)) + column;
  }
  __device__ C at(int place) const { return place != kNowhere ? load(block[place]) : C(0); }
};

template <typename T>
struct MatrixBar {
  using C = Arithmetic<T>;

  int64_t N;
  int K;
  Layout layout;
  const T *x, *M;
  const C *psi1, *w;
  int64_t num_shards;  // every num_shards-th row is in the same shard
  T* out;              // (N, K, K); null: the sums are wanted
  double* sums;        // (shards, K, K), whose symmetric parts count
};

template <typename T>
__global__ void __launch_bounds__(kThreads)
    matrix_bar_kernel(const __grid_constant__ MatrixBar<T> call) {
  using C = Arithmetic<T>;
  const int K = call.K, square = K * K;
  for (int64_t g = blockIdx.x * int64_t{kThreads} + threadIdx.x; g < call.num_shards * square;
       g += gridDim.x * int64_t{kThreads}) {
    const int64_t shard = g / square;
    const int e = static_cast<int>(g - shard * square), row = e / K, column = e - row * K;
    // In this order both of two entries that mirror each other are rounded alike.
    const int low = row < column ? row : column, high = row < column ? column : row;
    const auto entry = Cotangent<T>(call.M, call.layout, K, 0).find(row, column);
    double sum = 0;
    for (int64_t i = shard; i < call.N; i += call.num_shards) {
      const Cotangent<T> M(call.M, call.layout, K, i);
      const C* const w = call.w + i * K;
      const T* const x = call.x + i * K;
      const C psi1 = call.M != nullptr ? call.psi1[i] : C(0);
      if (call.out != nullptr) {
        const C product =
            formula::symmetric_product_entry(w[low], load(x[low]), w[high], load(x[high]));
        store(call.out + (i * square + e), multiply_add(psi1, M.symmetric(entry), product));
      } else {
        sum += multiply_add(psi1, M.stored(entry), w[row] * load(x[column]));
      }
    }
    if (call.out == nullptr) call.sums[g] = sum;
  }
}

// Enough to fill a GPU.
inline int64_t matrix_shards(int64_t N, int64_t K) {
  return std::min(N, std::clamp<int64_t>(kManyThreads / (K * K), 1, kMostShards));
}

template <typename T>
Result matrix_bar(const MatrixBar<T>& call, void* stream) {
  const int64_t threads = call.num_shards * call.K * call.K;
  const int64_t blocks = std::min(ceil_divide(threads, kThreads), kMostBlocks);
  return launch(matrix_bar_kernel<T>, call, {blocks}, 0, stream);
}

}  // namespace blockhess::cuda
