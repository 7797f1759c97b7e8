// Rows so few and so wide that threads share the work of one row: its block is written in strips,
// and S x, the only other part whose work grows as K squared, is computed ahead for all rows, in
// strips of columns. Every value is what it is where a row is one thread's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/matrix.h"
#include "csrc/cpu/scratch.h"
#include "csrc/cpu/shard.h"
#include "csrc/cpu/shared_S.h"

namespace blockhess::cpu {

// Into how many strips of rows each block is cut: 1 where there are rows enough for all threads.
inline int64_t strips_per_block(Layout layout, int64_t N, int64_t K, int num_threads) {
  constexpr int64_t kPerThread = 8, kLeastEntries = 1 << 14;  // of a strip
  static_assert(FixedSizes::largest * FixedSizes::largest < kLeastEntries,
                "code for one K has none");
  if (!is_full(layout) || N == 0 || K == 0 || N >= kPerThread * num_threads) return 1;
  const int64_t wanted = (kPerThread * num_threads + N - 1) / N;
  return std::clamp<int64_t>(std::min(wanted, K * K / kLeastEntries), 1, K);
}

// X S for all rows and one S.
template <typename T>
struct WideProduct {
  const T* S;
  const T* x;
  int64_t N, K;
  T* S_x;
};

// Its units are groups of columns.
template <typename T>
class WideProductWorker {
 public:
  // Whole packs, so that a column is in a pack of the same size as without strips.
  static constexpr int64_t kColumns = 64;

  WideProductWorker(const WideProduct<T>& product, Scratch&) : product_(product) {}
  void operator()(int64_t begin, int64_t end) {
    const Columns columns{begin * kColumns, std::min(end * kColumns, product_.K)};
    shared_product(product_.S, product_.x, product_.N, product_.K, columns, product_.S_x);
  }

 private:
  const WideProduct<T>& product_;
};

// S x of the terms that need it; nothing where each row is one thread's.
template <typename T>
class WideProducts {
 public:
  // Throws std::bad_alloc.
  WideProducts(const TermsArguments<T>& arguments, const SharedS<T>& shared_S,
               const std::vector<bool>& needed, const ParallelFor& parallel_for)
      : products_(needed.size(), nullptr) {
    const int64_t N = arguments.N, K = arguments.K;
    Scratch measure;
    take(shared_S, needed, N * K, measure);
    memory_ = Scratch::like(measure);
    take(shared_S, needed, N * K, memory_);
    const int64_t groups =
        (K + WideProductWorker<T>::kColumns - 1) / WideProductWorker<T>::kColumns;
    for (size_t t = 0; t < needed.size(); ++t) {
      if (products_[t] == nullptr) continue;
      const WideProduct<T> product{shared_S[t], arguments.x, N, K, products_[t]};
      const int64_t cost = N * K * WideProductWorker<T>::kColumns / 4;
      run_shards<WideProductWorker<T>>(product, groups, cost, parallel_for);
    }
  }

  // (N, K), or null.
  const T* operator[](int term) const { return products_[term]; }

 private:
  void take(const SharedS<T>& shared_S, const std::vector<bool>& needed, int64_t count,
            Scratch& scratch) {
    for (size_t t = 0; t < needed.size(); ++t) {
      if (needed[t] && shared_S[t] != nullptr) products_[t] = scratch.take<T>(count);
    }
  }

  Scratch memory_;
  std::vector<T*> products_;
};

}  // namespace blockhess::cpu
