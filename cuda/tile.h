// A thread block at work on a tile of rows: evaluates phi, S x + b, s and psi there, for the
// forward pass and the vector-Jacobian product alike. Arrays of a tile are (rows) or (rows, K).
#pragma once

#include "csrc/core/layout.h"
#include "cuda/plan.h"
#include "cuda/program.h"

namespace blockhess::cuda {

// A row is summed in so many parts, whatever else is in the tile.
__host__ __device__ inline int sum_parts(int64_t K) { return K < 32 ? 1 : 32; }

// How a call is cut into tiles and where they lie.
struct TileShape {
  int K;
  int rows;        // of a full tile
  int slot_width;  // threads that run programs
  int64_t num_tiles;
  int64_t memory_bytes;         // of a tile's arrays
  unsigned char* in_workspace;  // where the blocks' tiles lie; null: in shared memory
  int sums_at, memory_at;       // in shared memory, in bytes
};

template <typename T>
class Tile {
 public:
  using C = Arithmetic<T>;

  __device__ Tile(const TileShape& shape, const uint64_t* words)
      : shape_(shape),
        words_(words),
        sums_(reinterpret_cast<double*>(shared_memory() + shape.sums_at)),
        memory_(reinterpret_cast<C*>(shape.in_workspace != nullptr
                                         ? shape.in_workspace + blockIdx.x * shape.memory_bytes
                                         : shared_memory() + shape.memory_at)) {}

  // Takes the next array of the tile's memory.
  __device__ C* take(int count) {
    C* const array = memory_;
    memory_ += count;
    return array;
  }

  __device__ void start(int64_t tile, int64_t N) {
    first_ = tile * shape_.rows;
    rows_ = N - first_ < shape_.rows ? static_cast<int>(N - first_) : shape_.rows;
  }

  __device__ int K() const { return shape_.K; }
  __device__ int rows() const { return rows_; }
  __device__ int values() const { return rows_ * shape_.K; }
  __device__ int64_t first() const { return first_; }

  __device__ const DeviceTerm<T>& term(int t) const {
    return at<DeviceTerm<T>>(words_, t * static_cast<int>(sizeof(DeviceTerm<T>) / 8));
  }
  __device__ const DeviceParameter<T>& parameter(int offset, int p) const {
    return at<DeviceParameter<T>>(words_,
                                  offset + p * static_cast<int>(sizeof(DeviceParameter<T>) / 8));
  }
  __device__ bool has_phi(const DeviceTerm<T>& term, int output) const {
    return term.has_phi && has_output(words_, term.phi, output);
  }
  __device__ bool has_psi(const DeviceTerm<T>& term, int output) const {
    return has_output(words_, term.psi, output);
  }

  // use(e, get) for each value e of the tile, where get(o) is output o of phi.
  template <typename Use>
  __device__ void evaluate_phi(const DeviceTerm<T>& term, const C* x, Use use) const {
    evaluate(
        term.phi, values(),
        [&](int e, Slots<C> slots) {
          const int i = e / K(), k = e - i * K();
          slots[0] = x[e];
          for (int p = 1; p < term.phi.num_inputs; ++p) {
            const DeviceParameter<T>& from = parameter(term.phi_parameters, p - 1);
            slots[p] = load(from.data[(first_ + i) * from.row_stride + k * from.column_stride]);
          }
        },
        use);
  }

  // use(i, get) for each row.
  template <typename Use>
  __device__ void evaluate_psi(const DeviceTerm<T>& term, const C* s, Use use) const {
    evaluate(
        term.psi, rows_,
        [&](int i, Slots<C> slots) {
          slots[0] = term.needs_s ? s[i] : C(0);
          for (int p = 1; p < term.psi.num_inputs; ++p) {
            const DeviceParameter<T>& from = parameter(term.psi_parameters, p - 1);
            slots[p] = load(from.data[(first_ + i) * from.row_stride]);
          }
        },
        use);
  }

  __device__ bool has_S(const DeviceTerm<T>& term) const {
    return term.S != nullptr || term.shared_S != nullptr;
  }

  // An entry of the symmetric part of S of row i. Neighbouring threads should ask for neighbouring
  // columns.
  __device__ C S_entry(const DeviceTerm<T>& term, int i, int row, int column) const {
    if (term.shared_S != nullptr) return term.shared_S[row * K() + column];
    const T* const S = term.S + (first_ + i) * term.S_stride;
    return C(0.5) * (load(S[row * K() + column]) + load(S[column * K() + row]));
  }

  // Entry k of S v, of row i.
  __device__ C S_times(const DeviceTerm<T>& term, int i, int k, const C* v) const {
    C sum(0);
    for (int j = 0; j < K(); ++j) sum = multiply_add(S_entry(term, i, j, k), v[i * K() + j], sum);
    return sum;
  }

  // Turns x, with phi in `entries` and phi' in `u`, into what s sums in `entries`, and u. A null
  // pointer says that one is not needed.
  __device__ void add_S_and_b(const DeviceTerm<T>& term, const C* x, C* entries, C* u) const {
    for_each(values(), [&](int e) {
      const int i = e / K(), k = e - i * K();
      const C S_x = has_S(term) ? S_times(term, i, k, x) : C(0);
      const C b = term.b != nullptr ? load(term.b[(first_ + i) * term.b_stride + k]) : C(0);
      entries[e] = multiply_add(x[e], multiply_add(C(0.5), S_x, b), entries[e]);
      u[e] = (u[e] + S_x) + b;
    });
  }

  // use(i, sum of row i of a), summed in type A. Synchronises before and between, not after.
  template <typename A, typename Use>
  __device__ void sum_rows(const C* a, Use use) const {
    A* const sums = reinterpret_cast<A*>(sums_);
    const int parts = sum_parts(K());
    __syncthreads();
    for_each(rows_ * parts, [&](int j) {
      const int i = j / parts;
      A sum(0);
      for (int k = j - i * parts; k < K(); k += parts) sum += static_cast<A>(a[i * K() + k]);
      sums[j] = sum;
    });
#ifndef BLOCKHESS_BREAK_BARRIER
    __syncthreads();
#endif
    for_each(rows_, [&](int i) {
      A sum = sums[i * parts];
      for (int part = 1; part < parts; ++part) sum += sums[i * parts + part];
      use(i, sum);
    });
  }

 private:
  template <typename Fill, typename Use>
  __device__ void evaluate(const DeviceProgram& program, int count, Fill fill, Use use) const {
    const int lane = static_cast<int>(threadIdx.x);
    if (lane >= shape_.slot_width) return;
    const Slots<C> slots{reinterpret_cast<C*>(shared_memory()) + lane, shape_.slot_width};
    for (int e = lane; e < count; e += shape_.slot_width) {
      fill(e, slots);
      run(words_, program, slots);
      use(e, [&](int o) { return output(words_, program, slots, o); });
    }
  }

  const TileShape& shape_;
  const uint64_t* words_;
  double* sums_;
  C* memory_;
  int64_t first_ = 0;
  int rows_ = 0;
};

}  // namespace blockhess::cuda
