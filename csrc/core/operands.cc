#include "csrc/core/operands.h"

#include <stdexcept>

namespace blockhess {

namespace {

// Walks the operands of the terms in order and checks each.
class Checker {
 public:
  Checker(int64_t N, int64_t K, const std::vector<Shape>& shapes) : N_(N), K_(K), shapes_(shapes) {}

  void check_term(int index, const Term& term) {
    where_ = "term " + std::to_string(index) + ": ";
    for (int i = 0; i < term.num_phi_parameters(); ++i) {
      phi_parameter("parameter " + std::to_string(i + 1) + " of phi");
    }
    if (term.quadratic) quadratic();
    if (term.linear) linear();
    for (int i = 0; i < term.num_psi_parameters(); ++i) {
      psi_parameter("parameter " + std::to_string(i + 1) + " of psi");
    }
  }

  std::vector<Strides> take() { return std::move(strides_); }

 private:
  // An axis of length 1 is repeated, so it has no stride.
  static int64_t stride(int64_t length, int64_t values) { return length == 1 ? 0 : values; }

  bool is_rows(int64_t length) const { return length == 1 || length == N_; }
  bool is_columns(int64_t length) const { return length == 1 || length == K_; }

  void phi_parameter(const std::string& name) {
    const Shape& shape = next();
    if (shape.empty()) return add({0, 0});
    if (shape.size() == 1 && is_columns(shape[0])) return add({0, stride(shape[0], 1)});
    if (shape.size() == 2 && is_rows(shape[0]) && is_columns(shape[1])) {
      return add({stride(shape[0], shape[1]), stride(shape[1], 1)});
    }
    fail(name, shape, {{}, {K_}, {N_, 1}, {N_, K_}});
  }

  void quadratic() {
    const Shape& shape = next();
    if (shape == Shape{K_, K_}) return add({0, 0});
    if (shape.size() == 3 && is_rows(shape[0]) && shape[1] == K_ && shape[2] == K_) {
      // Where there are no rows K * K may overflow, and any stride says that there is one a row.
      return add({stride(shape[0], shape[0] == 0 ? 1 : K_ * K_), 0});
    }
    fail("S", shape, {{K_, K_}, {N_, K_, K_}});
  }

  void linear() {
    const Shape& shape = next();
    if (shape == Shape{K_}) return add({0, 0});
    if (shape.size() == 2 && is_rows(shape[0]) && shape[1] == K_) {
      return add({stride(shape[0], K_), 0});
    }
    fail("b", shape, {{K_}, {N_, K_}});
  }

  void psi_parameter(const std::string& name) {
    const Shape& shape = next();
    if (shape.empty()) return add({0, 0});
    const bool column = shape.size() == 2 && shape[1] == 1;
    if ((shape.size() == 1 || column) && is_rows(shape[0])) return add({stride(shape[0], 1), 0});
    fail(name, shape, {{}, {N_}, {N_, 1}});
  }

  const Shape& next() const { return shapes_[strides_.size()]; }
  void add(Strides strides) { strides_.push_back(strides); }

  [[noreturn]] void fail(const std::string& name, const Shape& shape,
                         const std::vector<Shape>& expected) const {
    std::string choices;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (i > 0) choices += i + 1 == expected.size() ? " or " : ", ";
      choices += to_string(expected[i]);
    }
    throw std::invalid_argument(where_ + name + " has shape " + to_string(shape) + "; expected " +
                                choices + " for x of shape " + to_string(Shape{N_, K_}));
  }

  int64_t N_, K_;
  const std::vector<Shape>& shapes_;
  std::string where_;
  std::vector<Strides> strides_;
};

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

Shape hessian_shape(Layout layout, int64_t N, int64_t K) {
  if (layout == Layout::kNone) return {0};
  switch (info(layout).axes) {
    case 0:
      return {N};
    case 1:
      // A K past 2^31 cannot be served, and is left to the caller's check.
      return has_block_size(layout, K) ? Shape{N, block_size(layout, K)} : Shape{N, K, K};
    default:
      return {N, K, K};
  }
}

void check_num_operands(const std::vector<Term>& terms, int64_t num_operands) {
  int64_t expected = 0;
  for (const Term& term : terms) expected += term.num_operands();
  if (num_operands != expected) {
    throw std::invalid_argument("the terms read " + std::to_string(expected) +
                                " operands, but num_operands is " + std::to_string(num_operands));
  }
}

std::vector<Strides> operand_strides(const std::vector<Term>& terms, int64_t N, int64_t K,
                                     const std::vector<Shape>& shapes) {
  Checker checker(N, K, shapes);
  for (size_t i = 0; i < terms.size(); ++i) checker.check_term(static_cast<int>(i), terms[i]);
  return checker.take();
}

}  // namespace blockhess
