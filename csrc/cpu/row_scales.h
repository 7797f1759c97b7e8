// Derivatives of psi in rows where they, or what they are made of, leave the range of float while
// their products with u do not: of |x| at |x| = 1e13 psi'' is 1e-40. They are taken in double, and
// each u has a factor r, a power of two:
//
//   psi' u = (psi' / r) (r u)     psi'' u u' = (psi'' / r^2) (r u)(r u)'     psi''' / r^3
//
// All other rows have r = 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "csrc/cpu/evaluator.h"
#include "csrc/cpu/pack.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// For one term; its psi computes psi''. Memory is taken when first a row needs it.
template <typename T>
class RowScales {
 public:
  // `has_third`: whether psi's output 3 is its third derivative.
  RowScales(const Program& psi, bool has_third)
      : psi_(&psi),
        has_first_(psi.outputs[1].is_slot()),
        has_third_(has_third),
        most_s_(has_third ? 0x1p30f : 0x1p40f) {}

  // Takes a tile in, whose inputs and outputs of psi are in `evaluator`, and u in `u`.
  void update(const Evaluator<T>& evaluator, const T* u, int64_t rows, int64_t K) {
    is_in_use_ = any_leaves_range(evaluator, rows);
    if (!is_in_use_) return;
    reserve(rows, K);
    std::fill_n(r_, rows, T(1));
    if (has_first_) std::copy_n(evaluator.output(1), rows, psi1_by_r_);
    std::copy_n(evaluator.output(2), rows, psi2_);
    if (has_third_) std::copy_n(evaluator.output(3), rows, psi3_);
    std::copy_n(u, rows * K, u_);
    for (int input = 0; input < psi_->num_inputs; ++input) {
      std::copy_n(evaluator.input(input), rows, in_double_->input(input));
    }
    in_double_->run(rows);
    for (int64_t i = 0; i < rows; ++i) {
      if (leaves_range(evaluator, i)) scale_row(i, K);
      psi2_by_r_[i] = psi2_[i] * r_[i];
    }
  }

  // Whether a row of the tile is scaled: only then there is what follows.
  bool is_in_use() const { return is_in_use_; }
  const T* r() const { return r_; }                  // (rows)
  const T* psi1_by_r() const { return psi1_by_r_; }  // (rows): psi' / r
  const T* psi2() const { return psi2_; }            // (rows): psi'' / r^2
  const T* psi3() const { return psi3_; }            // (rows): psi''' / r^3
  const T* psi2_by_r() const { return psi2_by_r_; }  // (rows): psi'' / r
  const T* u() const { return u_; }                  // (rows, K): r u

 private:
  static constexpr T kLeast = 0x1p-100f, kMost = 0x1p100f;

  bool any_leaves_range(const Evaluator<T>& evaluator, int64_t rows) const {
    const bool may = may_leave(evaluator.input(0), 1 / most_s_, most_s_, rows) ||
                     may_leave(evaluator.output(2), kLeast, kMost, rows) ||
                     (has_third_ && may_leave(evaluator.output(3), kLeast, kMost, rows));
    bool any = false;
    for (int64_t i = 0; may && i < rows; ++i) any |= leaves_range(evaluator, i);
    return any;
  }

  // Whether the size of any of the values is below or above.
  static bool may_leave(const T* values, T least, T most, int64_t rows) {
    using V = Pack<T>;
    const auto lower = V(least).packet, upper = V(most).packet;
    auto outside = Eigen::internal::pcmp_lt(lower, lower);  // None.
    int64_t i = 0;
    for (; i + V::kSize <= rows; i += V::kSize) {
      const auto size = Eigen::internal::pabs(V::load_unaligned(values + i).packet);
      const auto is_within = Eigen::internal::pand(Eigen::internal::pcmp_le(lower, size),
                                                   Eigen::internal::pcmp_le(size, upper));
      outside = Eigen::internal::por(outside, Eigen::internal::pnot(is_within));
    }
    bool may = Eigen::internal::predux_any(outside);
    for (; i < rows; ++i) may |= !(std::abs(values[i]) >= least && std::abs(values[i]) <= most);
    return may;
  }

  // Where s is zero psi'' is in double what it is here.
  bool leaves_range(const Evaluator<T>& evaluator, int64_t i) const {
    const T s = std::abs(evaluator.input(0)[i]), psi2 = evaluator.output(2)[i];
    bool leaves = (s > most_s_) | (s * most_s_ < 1);
    leaves |= is_out_of_range(psi2, has_first_ ? evaluator.output(1)[i] : T(1), s);
    if (has_third_) leaves |= is_out_of_range(evaluator.output(3)[i], psi2, s);
    return leaves & (s != 0);
  }

  // Whether a derivative is too large, or too small and far from the one before it: where both
  // vanish, as those of exp(-s) do, so does the block. Zero is an underflow of large s only.
  static bool is_out_of_range(T value, T before, T s) {
    constexpr T kFar = 0x1p30f, kLarge = 0x1p12f;
    const T size = std::abs(value);
    const bool is_small = (size < kLeast) & (size * kFar < std::abs(before));
    return !(size <= kMost) || (is_small && (size != 0 || s > kLarge));
  }

  void reserve(int64_t rows, int64_t K) {
    if (reserved_rows_ >= rows) return;
    Scratch measure;
    lay_out(rows, K, measure);
    scratch_ = Scratch::like(measure);
    lay_out(rows, K, scratch_);
    reserved_rows_ = rows;
  }

  void lay_out(int64_t rows, int64_t K, Scratch& scratch) {
    for (T** array : {&r_, &psi1_by_r_, &psi2_, &psi3_, &psi2_by_r_}) {
      *array = scratch.take<T>(rows);
    }
    u_ = scratch.take<T>(rows * K);
    in_double_.emplace(*psi_, rows, scratch);
  }

  void scale_row(int64_t i, int64_t K) {
    const double psi2 = in_double_->output(2)[i];
    if (!std::isfinite(psi2)) return;
    const double r = psi2 == 0 ? 1 : std::ldexp(1.0, std::clamp(std::ilogb(psi2) / 2, -126, 126));
    r_[i] = static_cast<T>(r);
    if (has_first_) psi1_by_r_[i] = static_cast<T>(in_double_->output(1)[i] / r);
    psi2_[i] = static_cast<T>(psi2 / (r * r));
    if (has_third_) psi3_[i] = static_cast<T>(in_double_->output(3)[i] / (r * r * r));
    for (int64_t k = i * K; k < (i + 1) * K; ++k) u_[k] *= r_[i];
  }

  const Program* psi_;
  bool has_first_, has_third_, is_in_use_ = false;
  T most_s_;
  int64_t reserved_rows_ = 0;
  Scratch scratch_;  // holds the arrays
  T *r_, *psi1_by_r_, *psi2_, *psi3_, *psi2_by_r_, *u_;
  std::optional<Evaluator<double>> in_double_;
};

}  // namespace blockhess::cpu
