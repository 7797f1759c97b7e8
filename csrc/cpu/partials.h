// The sums over rows of a vector-Jacobian product: the cotangents of operands that all rows share.
// Each shard adds up its rows in double; the shards are then added in order. Which rows make a
// shard follows from the sizes alone, so the result does not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/term.h"
#include "csrc/cpu/matrix.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// Where the sums of one term start within a shard's; -1 where there is none.
struct TermSums {
  std::vector<int64_t> phi_parameters;
  int64_t S = -1;
  int64_t b = -1;
  std::vector<int64_t> psi_parameters;
};

template <typename T>
class Partials {
 public:
  // `cost` is in cycles per row. Throws std::bad_alloc.
  Partials(const TermsVjpArguments<T>& arguments, int64_t cost) : arguments_(arguments) {
    for (int t = 0; t < arguments.num_terms; ++t) lay_out(arguments.terms[t], t);
    num_shards_ = choose_num_shards(arguments.N, cost);
    stride_ = aligned_bytes(size_, sizeof(double)) / static_cast<int64_t>(sizeof(double));
    memory_ = allocate_aligned(aligned_bytes(num_shards_ * stride_, sizeof(double)));
  }

  int64_t num_shards() const { return num_shards_; }
  int64_t first_row(int64_t shard) const {
    // Rounded down; the product could overflow for a huge N, the quotient and remainder cannot.
    const int64_t rows = arguments_.N / num_shards_, rest = arguments_.N % num_shards_;
    return shard * rows + std::min(shard, rest);
  }

  const TermSums& sums(int term) const { return sums_[term]; }

  // A shard's sums, set to zero.
  double* start(int64_t shard) const {
    double* const sums = reinterpret_cast<double*>(memory_.get()) + shard * stride_;
    std::fill_n(sums, size_, 0.0);
    return sums;
  }

  // Adds up the shards and writes the cotangents. Every shard has been started.
  void finish() const {
    double* const total = reinterpret_cast<double*>(memory_.get());
    for (int64_t shard = 1; shard < num_shards_; ++shard) {
      const double* const sums = total + shard * stride_;
      for (int64_t i = 0; i < size_; ++i) total[i] += sums[i];
    }
    for (int t = 0; t < arguments_.num_terms; ++t) write(sums_[t], arguments_.operand_bars[t]);
  }

 private:
  int64_t reserve(bool is_reduced, int64_t count) {
    if (!is_reduced) return -1;
    const int64_t start = size_;
    size_ += count;
    return start;
  }

  void lay_out(const Term& term, int t) {
    const int64_t K = arguments_.K;
    const Operands<T>& bars = arguments_.operand_bars[t];
    TermSums sums;
    for (int p = 0; p < term.num_phi_parameters(); ++p) {
      const Parameter<T>& bar = bars.phi_parameters[p];
      sums.phi_parameters.push_back(
          reserve(bar.data != nullptr && bar.row_stride == 0, bar.column_stride == 0 ? 1 : K));
    }
    sums.S = reserve(bars.S.data != nullptr && bars.S.row_stride == 0, K * K);
    sums.b = reserve(bars.b.data != nullptr && bars.b.row_stride == 0, K);
    for (int p = 0; p < term.num_psi_parameters(); ++p) {
      const Parameter<T>& bar = bars.psi_parameters[p];
      sums.psi_parameters.push_back(reserve(bar.data != nullptr && bar.row_stride == 0, 1));
    }
    sums_.push_back(sums);
  }

  // Enough shards for many threads, each with work well above its start, all with less memory than
  // kMostBytes, and adding them up an eighth of the work at most.
  int64_t choose_num_shards(int64_t N, int64_t cost) const {
    constexpr double kMostShards = 256, kLeastCycles = 2e5, kMostBytes = 64 << 20;
    const double work = static_cast<double>(N) * static_cast<double>(cost);
    const double sums = static_cast<double>(std::max<int64_t>(size_, 1));
    const double most = std::min({kMostShards, work / kLeastCycles, work / (8 * sums),
                                  kMostBytes / (sizeof(double) * sums)});
    return std::clamp<int64_t>(static_cast<int64_t>(most), 1, std::max<int64_t>(N, 1));
  }

  void write_sums(int64_t start, int64_t count, T* bar) const {
    if (start < 0) return;
    const double* const sums = reinterpret_cast<const double*>(memory_.get()) + start;
    for (int64_t i = 0; i < count; ++i) bar[i] = static_cast<T>(sums[i]);
  }

  void write(const TermSums& sums, const Operands<T>& bars) const {
    const int64_t K = arguments_.K;
    for (size_t p = 0; p < sums.phi_parameters.size(); ++p) {
      const Parameter<T>& bar = bars.phi_parameters[p];
      write_sums(sums.phi_parameters[p], bar.column_stride == 0 ? 1 : K, bar.data);
    }
    if (sums.S >= 0) write_S(reinterpret_cast<const double*>(memory_.get()) + sums.S, bars.S.data);
    write_sums(sums.b, K, bars.b.data);
    for (size_t p = 0; p < sums.psi_parameters.size(); ++p) {
      write_sums(sums.psi_parameters[p], 1, bars.psi_parameters[p].data);
    }
  }

  // The sums hold w x', of which the symmetric part counts.
  void write_S(const double* sums, T* bar) const {
    const int64_t K = arguments_.K;
    for (int64_t row = 0; row < K; ++row) {
      for (int64_t k = 0; k < K; ++k) {
        bar[row * K + k] = static_cast<T>(0.5 * (sums[row * K + k] + sums[k * K + row]));
      }
    }
  }

  const TermsVjpArguments<T>& arguments_;
  std::vector<TermSums> sums_;
  int64_t size_ = 0;
  int64_t num_shards_ = 1;
  int64_t stride_ = 0;
  AlignedMemory memory_;
};

}  // namespace blockhess::cpu
