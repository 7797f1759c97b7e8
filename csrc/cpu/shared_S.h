// The symmetric parts of the S that are shared by all rows, computed once per call by all threads.
#pragma once

#include <cstdint>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/term.h"
#include "csrc/cpu/parallel.h"
#include "csrc/cpu/scratch.h"
#include "csrc/cpu/shard.h"
#include "csrc/cpu/symmetrise.h"

namespace blockhess::cpu {

template <typename T>
struct SymmetricPart {
  const T* matrix;
  int64_t K;
  T* symmetric;
};

template <typename T>
class SymmetriseWorker {
 public:
  SymmetriseWorker(const SymmetricPart<T>& part, Scratch&) : part_(part) {}
  void operator()(int64_t begin, int64_t end) {
    symmetrise_rows(part_.matrix, part_.K, begin, end, part_.symmetric);
  }

 private:
  const SymmetricPart<T>& part_;
};

template <typename T>
class SharedS {
 public:
  // Throws std::bad_alloc.
  SharedS(int num_terms, const Term* terms, const Operands<const T>* operands, int64_t N, int64_t K,
          const ParallelFor& parallel_for) {
    Scratch measure;
    take(num_terms, terms, operands, N, K, measure);
    memory_ = Scratch::like(measure);
    take(num_terms, terms, operands, N, K, memory_);
    for (int t = 0; t < num_terms; ++t) {
      if (matrices_[t] == nullptr) continue;
      const SymmetricPart<T> part{operands[t].S.data, K, matrices_[t]};
      run_shards<SymmetriseWorker<T>>(part, K, K, parallel_for, Square<T>::kSize);
    }
  }

  // Null where the term has no S, or one per row.
  const T* operator[](int term) const { return matrices_[term]; }

  // Whether a term has an S per row.
  bool any_row_S() const { return any_row_S_; }

 private:
  void take(int num_terms, const Term* terms, const Operands<const T>* operands, int64_t N,
            int64_t K, Scratch& scratch) {
    matrices_.assign(num_terms, nullptr);
    for (int t = 0; t < num_terms; ++t) {
      if (!terms[t].quadratic) continue;
      const bool shared = operands[t].S.row_stride == 0 || N == 1;
      if (shared && N > 0) matrices_[t] = scratch.take<T>(K * K);
      any_row_S_ |= !shared;
    }
  }

  Scratch memory_;
  std::vector<T*> matrices_;
  bool any_row_S_ = false;
};

}  // namespace blockhess::cpu
