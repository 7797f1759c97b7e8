// One term on a tile of rows: evaluates phi, S x + b, s and psi there, for the forward pass and the
// vector-Jacobian product alike.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "csrc/core/arguments.h"
#include "csrc/core/term.h"
#include "csrc/cpu/evaluator.h"
#include "csrc/cpu/row_scales.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

struct TileShape {
  int64_t K;
  int64_t rows;  // of a full tile

  int64_t values() const { return rows * K; }
};

// One chunk of values; fewer rows where a row brings its own S, so that the tile's matrices stay in
// the second-level cache.
TileShape tile_shape(int64_t N, int64_t K, bool has_row_S, int64_t value_bytes);

template <typename T>
class TermTile {
 public:
  // `S` is the symmetric part of a shared S, or null; `S_x`, (N, K), what it makes of all rows, or
  // null where the tile is to compute that.
  TermTile(const Term& term, const Operands<const T>& operands, const T* S, const T* S_x,
           bool needs_u, TileShape shape, Scratch& scratch);

  // Evaluates rows [first, first + rows); x points to all rows.
  void evaluate(const T* x, int64_t first, int64_t rows);

  // Whether an output is needed and not identically zero.
  bool has_phi(int output) const { return term_->phi && term_->phi->outputs[output].is_slot(); }
  bool has_psi(int output) const { return term_->psi.outputs[output].is_slot(); }
  bool has_S() const { return term_->quadratic; }
  // Whether a cell that outweighs its row is to be written apart.
  bool is_norm() const { return term_->is_norm; }
  // Whether psi' is 1 in every row, as where there is no link.
  bool has_unit_psi1() const { return term_->psi.is_constant(1, 1.0); }

  // (rows, K); zeros where has_phi says no.
  const T* phi(int output) const { return has_phi(output) ? phi_[output] : zeros_; }
  // (rows); likewise.
  const T* psi(int output) const {
    return has_psi(output) ? psi_evaluator_.output(output) : zeros_;
  }
  // (rows), where psi reads it.
  const T* s() const { return psi_evaluator_.input(0); }
  // (rows, K): phi' + S x + b.
  const T* u() const { return u_; }

  // psi'' u u' has factors that are in range (row_scales.h). `r` is null where all are 1.
  const T* r() const { return is_scaled() ? scales_->r() : nullptr; }
  const T* scaled_u() const { return is_scaled() ? scales_->u() : u_; }
  const T* scaled_psi2() const { return is_scaled() ? scales_->psi2() : psi(2); }
  const T* scaled_psi3() const { return is_scaled() ? scales_->psi3() : psi(3); }
  // psi' / r and psi'' / r
  const T* psi1_by_r() const { return is_scaled() ? scales_->psi1_by_r() : psi(1); }
  const T* psi2_by_r() const { return is_scaled() ? scales_->psi2_by_r() : psi(2); }
  // The symmetric part of S of row i of the tile, at S() + i * S_stride().
  const T* S() const { return row_S_ != nullptr ? row_S_ : S_; }
  int64_t S_stride() const { return row_S_ != nullptr ? shape_.K * shape_.K : 0; }

 private:
  void take_phi(Scratch& scratch);
  void fill_repeated_operands();
  void repeat_row(const T* row, T* out) const;
  void evaluate_phi(const T* x, int64_t first, int64_t rows);
  void load_phi_parameters(int64_t first, int64_t column, int64_t count);
  void load_psi_parameters(int64_t first, int64_t rows);
  void symmetrise_rows(int64_t first, int64_t rows);
  bool phi_in_one_chunk() const { return shape_.K <= kChunk; }
  bool is_scaled() const { return scales_ && scales_->is_in_use(); }

  const Term* term_;
  Operands<const T> operands_;
  TileShape shape_;
  bool needs_u_, needs_s_, phi_reads_x_;
  const T* S_;
  const T* all_S_x_;
  const T* zeros_;
  T* row_S_ = nullptr;
  T* S_x_storage_ = nullptr;
  const T* S_x_ = nullptr;
  T* repeated_b_ = nullptr;
  T* u_storage_ = nullptr;
  const T* u_ = nullptr;
  std::optional<Evaluator<T>> phi_evaluator_;
  Evaluator<T> psi_evaluator_;
  std::optional<RowScales<T>> scales_;
  std::vector<T*> phi_storage_;
  std::vector<const T*> phi_;
};

}  // namespace blockhess::cpu
