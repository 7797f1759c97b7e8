// Newton directions of rows that come tile by tile: collects them in groups and solves each group.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>

#include "csrc/core/arguments.h"
#include "csrc/cpu/row_systems.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// The first of the rows that threads find not to be positive definite.
template <typename T>
class FirstIndefinite {
 public:
  void add(const IndefiniteRow<T>& found) {
    const std::lock_guard lock(mutex_);
    if (first_.row < 0 || found.row < first_.row) first_ = found;
  }
  const IndefiniteRow<T>& get() const { return first_; }

 private:
  std::mutex mutex_;
  IndefiniteRow<T> first_;
};

// Group is RankOneGroup or DenseGroup.
template <typename T, typename V, template <typename, typename> class Group>
class NewtonSolver {
  static constexpr int64_t kRows = kLanes<T, V>;

 public:
  NewtonSolver(const NewtonOptions<T>& options, FirstIndefinite<T>& first_indefinite, int64_t K,
               int num_parts, Scratch& scratch)
      : options_(options),
        first_indefinite_(first_indefinite),
        K_(K),
        p_(scratch.take<V>(K)),
        group_(K, num_parts, scratch) {}

  // Rows [first, first + rows) follow those that came before, or `finish`.
  void add(const TileSystems<T>& tile, int64_t first, int64_t rows, T* directions) {
    for (int64_t i = 0; i < rows; ++i) {
      put_lane(tile.gradient + i * K_, K_, collected_, p_);
      put_lane(options_.damping.data + (first + i) * options_.damping.row_stride, 1, collected_,
               &damping_);
      group_.put(tile, i, collected_);
      ++collected_;
      if (collected_ == kRows) solve(first + i + 1, directions);
    }
  }

  // `end` is behind the last row.
  void finish(int64_t end, T* directions) {
    if (collected_ > 0) solve(end, directions);
  }

 private:
  void solve(int64_t end, T* directions) {
    const bool modify = options_.on_indefinite == OnIndefinite::kModify;
    V defect(T(0));
    for (int64_t k = 0; k < K_; ++k) {
      defect = defect + V(T(0)) * p_[k];
      p_[k] = V(T(0)) - p_[k];
    }
    const Factor<V> factor = group_.solve(damping_, modify, p_);
    defect = defect + factor.defect;
    if (!modify) defect = defect + nan_where_indefinite(factor);
    const int64_t first = end - collected_;
    const T* const lanes = reinterpret_cast<const T*>(p_);
    for (int64_t k = 0; k < K_; ++k) p_[k] = p_[k] + defect;
    for (int64_t i = 0; i < collected_; ++i) {
      T* const direction = directions + (first + i) * K_;
      for (int64_t k = 0; k < K_; ++k) direction[k] = lanes[k * kRows + i];
    }
    if (options_.on_indefinite == OnIndefinite::kError) report(factor, first);
    collected_ = 0;
  }

  V nan_where_indefinite(const Factor<V>& factor) const {
    const V nan(std::numeric_limits<T>::quiet_NaN());
    V result(T(0));
    // Added up: GCC 12 vectorises a choice between the result so far and NaN wrongly.
    for (int64_t k = 0; k < K_; ++k) {
      result = result + where(factor.d[k] > V(T(0)), V(T(0)), nan);
    }
    return result;
  }

  // Rows that are not finite are no matter of definiteness.
  void report(const Factor<V>& factor, int64_t first) const {
    const T* const d = reinterpret_cast<const T*>(factor.d);
    const T* const defect = reinterpret_cast<const T*>(&factor.defect);
    for (int64_t i = 0; i < collected_; ++i) {
      if (defect[i] != T(0)) continue;
      for (int64_t k = 0; k < K_; ++k) {
        const T pivot = d[k * kRows + i];
        if (pivot > T(0)) continue;
        return first_indefinite_.add({first + i, k, pivot});
      }
    }
  }

  const NewtonOptions<T>& options_;
  FirstIndefinite<T>& first_indefinite_;
  int64_t K_;
  V* p_;
  V damping_{T(0)};
  Group<T, V> group_;
  int64_t collected_ = 0;
};

}  // namespace blockhess::cpu
