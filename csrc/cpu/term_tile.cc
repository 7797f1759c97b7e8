#include "csrc/cpu/term_tile.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "csrc/cpu/fixed_size.h"
#include "csrc/cpu/matrix.h"
#include "csrc/cpu/symmetrise.h"

namespace blockhess::cpu {

namespace {

// u = phi' + S x + b, all of them (rows, K)
template <typename T>
void add_slopes(const T* phi1, const T* S_x, const T* b, int64_t values, T* u) {
  for_packs<T>(0, values, [&](auto v, int64_t ik) {
    using V = decltype(v);
    (V::load_unaligned(phi1 + ik) + V::load_unaligned(S_x + ik) + V::load_unaligned(b + ik))
        .store_unaligned(u + ik);
  });
}

template <typename T>
struct RowSum {
  template <int Kfixed>
  struct Sized {
    // s_i = sum_k phi_ik + 1/2 x_i' S x_i + b' x_i, each part where it is not null
    static void run(const T* phi, const T* S_x, const T* b, int64_t b_stride, const T* x,
                    int64_t rows, int64_t K, T* s) {
      K = size_of<Kfixed>(K);
      // What most functions have; with the tests in the loop they take 15 % longer at K = 3.
      if (phi != nullptr && S_x == nullptr && b == nullptr) {
        for (int64_t i = 0; i < rows; ++i) s[i] = T(0) + sum<Kfixed>(phi + i * K, K);
        return;
      }
      for (int64_t i = 0; i < rows; ++i) {
        T total(0);
        if (phi != nullptr) total += sum<Kfixed>(phi + i * K, K);
        if (S_x != nullptr) total += T(0.5) * dot<Kfixed>(x + i * K, S_x + i * K, K);
        if (b != nullptr) total += dot<Kfixed>(x + i * K, b + i * b_stride, K);
        s[i] = total;
      }
    }
  };
};

}  // namespace

TileShape tile_shape(int64_t N, int64_t K, bool has_row_S, int64_t value_bytes) {
  constexpr int64_t kMostRowMatrixBytes = 256 << 10;
  int64_t rows = kChunk / std::max<int64_t>(K, 1);
  if (has_row_S && K > 0) {
    // In floating point: K * K of a K that large would overflow.
    const double matrix_bytes = static_cast<double>(K) * K * value_bytes;
    rows = std::min(rows, static_cast<int64_t>(kMostRowMatrixBytes / matrix_bytes));
  }
  return {K, std::max<int64_t>(1, std::min(rows, N))};
}

template <typename T>
TermTile<T>::TermTile(const Term& term, const Operands<const T>& operands, const T* S, const T* S_x,
                      bool needs_u, TileShape shape, Scratch& scratch)
    : term_(&term),
      operands_(operands),
      shape_(shape),
      needs_u_(needs_u),
      needs_s_(term.psi.reads_input(0)),
      phi_reads_x_(term.phi && term.phi->reads_input(0)),
      S_(S),
      all_S_x_(S_x),
      zeros_(scratch.take<T>(std::max(shape.values(), shape.rows))),
      psi_evaluator_(term.psi, shape.rows, scratch) {
  if (term.quadratic && S == nullptr) row_S_ = scratch.take<T>(shape.values() * shape.K);
  if (term.quadratic && (needs_s_ || needs_u_) && S_x == nullptr) {
    S_x_storage_ = scratch.take<T>(shape.values());
  }
  if (needs_u_) u_storage_ = scratch.take<T>(shape.values());
  const bool repeats_b = needs_u_ && term.linear && operands.b.row_stride == 0 && shape.rows > 1;
  if (repeats_b) repeated_b_ = scratch.take<T>(shape.values());
  if (term.phi) take_phi(scratch);
  const bool has_D_or_S = term.quadratic || has_phi(2);
  if (std::is_same_v<T, float> && needs_u_ && needs_s_ && has_psi(2) && has_D_or_S) {
    const bool has_third = !term.is_norm && term.psi.outputs.size() > 3 && has_psi(3);
    scales_.emplace(term.psi, has_third);
  }
  if (zeros_ != nullptr) fill_repeated_operands();
}

template <typename T>
void TermTile<T>::take_phi(Scratch& scratch) {
  const Program& phi = *term_->phi;
  phi_evaluator_.emplace(phi, std::min(shape_.values(), kChunk), scratch);
  phi_.resize(phi.outputs.size());
  phi_storage_.resize(phi.outputs.size());
  for (size_t i = 0; i < phi.outputs.size(); ++i) {
    if (!phi.outputs[i].is_slot()) continue;
    if (phi_in_one_chunk()) {
      // While memory is only measured there is nothing to point to.
      if (zeros_ != nullptr) phi_[i] = phi_evaluator_->output(static_cast<int>(i));
    } else {
      phi_[i] = phi_storage_[i] = scratch.take<T>(shape_.values());
    }
  }
}

// The parameters, and the b, that are the same for every tile.
template <typename T>
void TermTile<T>::fill_repeated_operands() {
  if (repeated_b_ != nullptr) repeat_row(operands_.b.data, repeated_b_);
  for (int p = 0; p < term_->num_phi_parameters(); ++p) {
    const Parameter<const T>& parameter = operands_.phi_parameters[p];
    if (parameter.row_stride != 0) continue;
    T* const input = phi_evaluator_->input(p + 1);
    if (parameter.column_stride == 0) {
      std::fill_n(input, std::min(shape_.values(), kChunk), *parameter.data);
    } else if (phi_in_one_chunk()) {
      repeat_row(parameter.data, input);
    }
  }
  for (int p = 0; p < term_->num_psi_parameters(); ++p) {
    const Parameter<const T>& parameter = operands_.psi_parameters[p];
    if (parameter.row_stride == 0) {
      std::fill_n(psi_evaluator_.input(p + 1), shape_.rows, *parameter.data);
    }
  }
}

template <typename T>
void TermTile<T>::repeat_row(const T* row, T* out) const {
  for (int64_t i = 0; i < shape_.rows; ++i) std::copy_n(row, shape_.K, out + i * shape_.K);
}

template <typename T>
void TermTile<T>::evaluate(const T* x, int64_t first, int64_t rows) {
  const int64_t K = shape_.K;
  const T* const tile_x = x + first * K;
  if (term_->phi) evaluate_phi(x, first, rows);
  if (row_S_ != nullptr) symmetrise_rows(first, rows);
  if (S_x_storage_ != nullptr) {
    S_x_ = S_x_storage_;
    choose_size<RowProducts<T>::template Sized>(K)(S(), S_stride(), tile_x, rows, K, S_x_storage_);
  } else if (all_S_x_ != nullptr) {
    S_x_ = all_S_x_ + first * K;
  }
  const T* const b = term_->linear ? operands_.b.data + first * operands_.b.row_stride : nullptr;
  if (needs_u_ && !term_->quadratic && !term_->linear) {
    u_ = phi(1);
  } else if (needs_u_) {
    u_ = u_storage_;
    const T* const tile_b = repeated_b_ != nullptr ? repeated_b_ : b;
    add_slopes(phi(1), S_x_ != nullptr ? S_x_ : zeros_, tile_b != nullptr ? tile_b : zeros_,
               rows * K, u_storage_);
  }
  if (needs_s_) {
    choose_size<RowSum<T>::template Sized>(K)(has_phi(0) ? phi(0) : nullptr, S_x_, b,
                                              operands_.b.row_stride, tile_x, rows, K,
                                              psi_evaluator_.input(0));
  }
  load_psi_parameters(first, rows);
  psi_evaluator_.run(rows);
  if (scales_) scales_->update(psi_evaluator_, u_, rows, K);
}

template <typename T>
void TermTile<T>::evaluate_phi(const T* x, int64_t first, int64_t rows) {
  const int64_t values = rows * shape_.K;
  for (int64_t start = 0; start < values; start += kChunk) {
    const int64_t count = std::min(kChunk, values - start);
    if (phi_reads_x_) {
      std::memcpy(phi_evaluator_->input(0), x + first * shape_.K + start, count * sizeof(T));
    }
    load_phi_parameters(first, start, count);
    phi_evaluator_->run(count);
    if (phi_in_one_chunk()) continue;
    for (size_t i = 0; i < phi_.size(); ++i) {
      if (phi_storage_[i] == nullptr) continue;
      phi_evaluator_->copy_output(static_cast<int>(i), count, phi_storage_[i] + start);
    }
  }
}

// For the values [start, start + count) of the tile whose first row is `first`. A chunk that is not
// the whole tile is a part of one row, so there `start` is a column.
template <typename T>
void TermTile<T>::load_phi_parameters(int64_t first, int64_t start, int64_t count) {
  for (int p = 0; p < term_->num_phi_parameters(); ++p) {
    const Parameter<const T>& parameter = operands_.phi_parameters[p];
    T* const input = phi_evaluator_->input(p + 1);
    const T* const data = parameter.data + first * parameter.row_stride;
    if (parameter.column_stride != 0) {
      const bool filled = parameter.row_stride == 0 && phi_in_one_chunk();
      if (!filled) std::memcpy(input, data + start, count * sizeof(T));
    } else if (parameter.row_stride != 0) {
      const int64_t columns = std::min(shape_.K, count);
      repeat_each<Pack<T>>(data, count / columns, columns, input);
    }
  }
}

template <typename T>
void TermTile<T>::load_psi_parameters(int64_t first, int64_t rows) {
  for (int p = 0; p < term_->num_psi_parameters(); ++p) {
    const Parameter<const T>& parameter = operands_.psi_parameters[p];
    if (parameter.row_stride == 0) continue;
    std::memcpy(psi_evaluator_.input(p + 1), parameter.data + first, rows * sizeof(T));
  }
}

template <typename T>
void TermTile<T>::symmetrise_rows(int64_t first, int64_t rows) {
  const int64_t matrix = shape_.K * shape_.K;
  for (int64_t i = 0; i < rows; ++i) {
    symmetrise(operands_.S.data + (first + i) * operands_.S.row_stride, shape_.K,
               row_S_ + i * matrix);
  }
}

template class TermTile<float>;
template class TermTile<double>;

}  // namespace blockhess::cpu
