// A thread block at work on a tile of rows: evaluates phi, S x + b, s and psi there, for the
// forward pass and the vector-Jacobian product alike. Arrays of a tile are (rows) or (rows, K).
#pragma once

#include "csrc/core/layout.h"
#include "cuda/plan.h"
#include "cuda/program.h"
#include "cuda/quadratic.h"
#include "cuda/tile_shape.h"

namespace blockhess::cuda {

// What a thread block knows of its tile. It lies in shared memory, so that it takes no registers
// while programs run.
struct TileState {
  unsigned char* memory;  // where its arrays lie
  const uint64_t* words;
  int64_t first;  // row
  int rows;
};
static_assert(sizeof(TileState) == kStateBytes);

template <typename T, bool has_gamma>
class Tile {
 public:
  using C = Arithmetic<T>;

  __device__ explicit Tile(const TileShape& shape) : shape_(shape) {}

  // The arrays (rows, K) come first, then those (rows), `after` so many of the former.
  __device__ C* array(int number) const { return memory() + number * full(); }
  __device__ C* row_array(int after, int number) const {
    return memory() + (after * full() + number * shape_.rows);
  }

  // Goes to another tile, and synchronises.
  __device__ void start(int64_t tile, int64_t N, const uint64_t* words) {
    __syncthreads();
    if (threadIdx.x == 0) {
      TileState& next = state();
      const int64_t block = blockIdx.y * int64_t{gridDim.x} + blockIdx.x;
      next.memory = shape_.in_workspace != nullptr
                        ? shape_.in_workspace + block * shape_.memory_bytes
                        : shared_memory() + shape_.memory_at;
      next.words = words;
      next.first = tile * shape_.rows;
      next.rows = N - next.first < shape_.rows ? static_cast<int>(N - next.first) : shape_.rows;
    }
    __syncthreads();
  }

  __device__ int K() const { return shape_.K; }
  __device__ int full_rows() const { return shape_.rows; }
  __device__ int full() const { return shape_.rows * shape_.K; }
  __device__ int rows() const { return state().rows; }
  __device__ int values() const { return rows() * shape_.K; }
  __device__ int64_t first() const { return state().first; }
  // Where value e of the tile stands in x.
  __device__ int64_t place(int e) const { return first() * shape_.K + e; }
  // The row of value e.
  __device__ int row_of(int e) const { return shape_.by_row.quotient(e); }

  __device__ const DeviceTerm<T>& term(int t) const {
    return at<DeviceTerm<T>>(state().words, t * static_cast<int>(sizeof(DeviceTerm<T>) / 8));
  }
  __device__ const DeviceParameter<T>& parameter(int offset, int p) const {
    return at<DeviceParameter<T>>(state().words,
                                  offset + p * static_cast<int>(sizeof(DeviceParameter<T>) / 8));
  }
  // Calls use(e, get) for each value e of the tile, where get(o) is output o of phi.
  template <typename Use>
  __device__ void evaluate_phi(const DeviceTerm<T>& term, const C* x, Use use) const {
    const auto fill = [&](int e, int p) {
      if (p == 0) return x[e];
      const int i = row_of(e), k = e - i * K();
      const DeviceParameter<T>& from = parameter(term.phi_parameters, p - 1);
      return load(from.data[(first() + i) * from.row_stride + k * from.column_stride]);
    };
    evaluate<C, has_gamma>(state().words, term.phi, shape_.slot_width, values(), fill, use);
  }

  // Calls use(i, get) for each row i, where get(o) is output o of psi.
  template <typename Use>
  __device__ void evaluate_psi(const DeviceTerm<T>& term, const C* s, Use use) const {
    const auto fill = [&](int i, int p) {
      if (p == 0) return term.needs_s ? s[i] : C(0);
      const DeviceParameter<T>& from = parameter(term.psi_parameters, p - 1);
      return load(from.data[(first() + i) * from.row_stride]);
    };
    evaluate<C, has_gamma>(state().words, term.psi, shape_.slot_width, rows(), fill, use);
  }

  __device__ bool has_S(const DeviceTerm<T>& term) const {
    return term.S != nullptr || term.shared_S != nullptr;
  }

  // An entry of the symmetric part of S of row i. Neighbouring threads should ask for neighbouring
  // columns.
  __device__ C S_entry(const DeviceTerm<T>& term, int i, int row, int column) const {
    if (term.shared_S != nullptr) return term.shared_S[row * K() + column];
    return symmetric_entry(term.S + (first() + i) * term.S_stride, K(), row, column);
  }

  // Entry k of S v, of row i.
  __device__ C S_times(const DeviceTerm<T>& term, int i, int k, const C* v) const {
    v += i * K();
    C sum(0);
    if (term.shared_S != nullptr) {
      const C* const S = term.shared_S + k;
#pragma unroll 4
      for (int j = 0; j < K(); ++j) sum = multiply_add(S[j * K()], v[j], sum);
    } else {
#pragma unroll 1
      for (int j = 0; j < K(); ++j) sum = multiply_add(S_entry(term, i, j, k), v[j], sum);
    }
    return sum;
  }

  // Adds S x and b: `entries`, which hold phi, become what s sums, and `u`, which holds phi', u.
  __device__ void add_S_and_b(const DeviceTerm<T>& term, const C* x, C* entries, C* u) const {
    for_each(values(), [&](int e) {
      const int i = row_of(e), k = e - i * K();
      C S_x(0);
      if (term.S_x != nullptr) {
        S_x = term.S_x[place(e)];
      } else if (has_S(term)) {
        S_x = S_times(term, i, k, x);
      }
      const C b = term.b != nullptr ? load(term.b[(first() + i) * term.b_stride + k]) : C(0);
      entries[e] = multiply_add(x[e], multiply_add(C(0.5), S_x, b), entries[e]);
      u[e] = (u[e] + S_x) + b;
    });
  }

  // Adds the rows of a, of so many columns each, to sums.
  __device__ void add_rows(const C* a, int columns, double* sums) const {
    for_each(columns, [&](int k) {
      double sum = sums[k];
      for (int i = 0; i < rows(); ++i) sum += a[i * columns + k];
      sums[k] = sum;
    });
  }

  // Calls use(e, row times v of its row of the tile) for each value e, where a row of a matrix has
  // columns from begin(e) to before end(e) at row(e). Neighbouring threads read neighbouring
  // values. Synchronises within, not before.
  template <typename Begin, typename End, typename Row, typename Use>
  __device__ void rows_times(const C* v, Begin begin, End end, Row row, Use use) const {
    C* const sums = reinterpret_cast<C*>(shared_memory() + shape_.sums_at);
    const int thread = static_cast<int>(threadIdx.x), parts = row_threads(K());
    const int own = thread / parts, part = thread % parts, rows_together = kThreads / parts;
    for (int first = 0; first < values(); first += rows_together) {
      const int e = first + own;
      C sum(0);
      if (e < values()) {
        const T* const entries = row(e);
        const C* const factors = v + row_of(e) * K();
        const int last = end(e);
#pragma unroll 4
        for (int k = begin(e) + part; k < last; k += parts) {
          sum = multiply_add(load(entries[k]), factors[k], sum);
        }
      }
      sums[thread] = sum;
      __syncthreads();
      if (e < values() && part == 0) {
        for (int other = 1; other < parts; ++other) sum += sums[thread + other];
        use(e, sum);
      }
      __syncthreads();
    }
  }

  // Calls use(i, sum of row i of a), summed in type A. Synchronises before and between, not after.
  template <typename A, typename Use>
  __device__ void sum_rows(const C* a, Use use) const {
    A* const sums = reinterpret_cast<A*>(shared_memory() + shape_.sums_at);
    const int parts = sum_parts(K());
    __syncthreads();
    for_each(rows() * parts, [&](int j) {
      const int i = j / parts;
      A sum(0);
      for (int k = j - i * parts; k < K(); k += parts) sum += static_cast<A>(a[i * K() + k]);
      sums[j] = sum;
    });
    __syncthreads();
    for_each(rows(), [&](int i) {
      A sum = sums[i * parts];
      for (int part = 1; part < parts; ++part) sum += sums[i * parts + part];
      use(i, sum);
    });
  }

 private:
  __device__ TileState& state() const {
    return *reinterpret_cast<TileState*>(shared_memory() + shape_.state_at);
  }
  __device__ C* memory() const { return reinterpret_cast<C*>(state().memory); }

  const TileShape& shape_;
};

}  // namespace blockhess::cuda
