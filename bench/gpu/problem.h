// One call of the forward pass and one of its vector-Jacobian product for a case of cases.h: the
// same values for both backends, and the arguments that each takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "bench/gpu/cases.h"
#include "csrc/core/arguments.h"
#include "csrc/core/needs.h"
#include "csrc/core/operands.h"
#include "csrc/core/term.h"

namespace blockhess::bench {

// What a case is called with. In float, which all types but the 16-bit ones hold; for those the
// caller rounds. After `most_drawn` rows, the values of these rows come again.
struct Inputs {
  int64_t N, K;
  Layout layout;
  std::vector<Shape> shapes;                // of x and the operands
  std::vector<std::vector<double>> values;  // the same
  std::vector<double> V, G, M;

  Inputs(const Case& a_case, int64_t N, int64_t K, Layout layout, int64_t most_drawn = INT64_MAX)
      : N(N), K(K), layout(layout) {
    std::mt19937 random(5);
    const auto fill = [&](std::vector<double>& to, const Shape& shape, float scale) {
      std::uniform_real_distribution<float> uniform(-scale, scale);
      for (int64_t i = 0; i < count(shape); ++i) to.push_back(uniform(random));
    };
    const int64_t drawn = std::min(N, most_drawn);
    shapes.push_back({N, K});
    fill(values.emplace_back(), {drawn, K}, 1);
    for (const std::string& kind : a_case.operands) {
      shapes.push_back(shape_of(kind, N));
      fill(values.emplace_back(), shape_of(kind, drawn), 1.0f / K);
    }
    fill(V, {drawn}, 1);
    fill(G, {drawn, K}, 1);
    fill(M, {drawn, block_size(layout, K)}, 1);
  }

  static int64_t count(const Shape& shape) {
    int64_t product = 1;
    for (const int64_t size : shape) product *= size;
    return product;
  }

 private:
  Shape shape_of(const std::string& kind, int64_t rows) const {
    Shape shape;
    for (const char axis : kind) {
      if (axis == '1' && kind == "1") continue;
      shape.push_back(axis == 'N' ? rows : axis == 'K' ? K : 1);
    }
    return shape;
  }
};

// The arrays of a call: std::vector<double> or DeviceArray.
template <typename Array>
struct Arrays {
  std::vector<Array> inputs, bars;  // of x and the operands
  Array V, G, M, value, gradient, hessian;

  explicit Arrays(const Inputs& from)
      : V(repeated(from.V, from.N)),
        G(repeated(from.G, from.N * from.K)),
        M(repeated(from.M, from.N * block_size(from.layout, from.K))),
        value(from.N),
        gradient(from.N * from.K),
        hessian(from.N * block_size(from.layout, from.K)) {
    for (size_t i = 0; i < from.shapes.size(); ++i) {
      const int64_t count = Inputs::count(from.shapes[i]);
      inputs.push_back(repeated(from.values[i], count));
      bars.emplace_back(count);
    }
  }

 private:
  // The values, and from the start again, up to that count.
  static Array repeated(const std::vector<double>& values, int64_t count) {
    if constexpr (std::is_same_v<Array, std::vector<double>>) {
      Array all(values);
      while (static_cast<int64_t>(all.size()) < count)
        all.push_back(all[all.size() - values.size()]);
      return all;
    } else {
      return Array(values, count);
    }
  }
};

// All results and all cotangents, or as the benchmark asks: the blocks, and of their cotangent x's.
enum class Wanted { kAll, kBlocks };

// Keeps what the argument structs point to.
template <typename T>
class Problem {
 public:
  template <typename Array>
  Problem(const Case& a_case, const Inputs& in, Arrays<Array>& arrays, Wanted wanted) {
    const bool all = wanted == Wanted::kAll;
    const Results results{all, all, in.layout};
    std::vector<bool> wants_bar(in.shapes.size(), all);
    wants_bar[0] = true;
    terms_ = forward_parts(read_terms(a_case.forward, TermKind::kForward), results);
    vjp_ = vjp_parts(read_terms(a_case.vjp, TermKind::kVjp), results, wants_bar);
    std::vector<const T*> operands;
    std::vector<T*> bars;
    for (size_t i = 1; i < in.shapes.size(); ++i) {
      operands.push_back(arrays.inputs[i].data());
      bars.push_back(all ? arrays.bars[i].data() : nullptr);
    }
    const std::vector<Shape> shapes(in.shapes.begin() + 1, in.shapes.end());
    const auto strides = operand_strides(terms_, in.N, in.K, shapes);
    operands_.emplace_back(terms_, strides, operands);
    bars_.emplace_back(vjp_.terms, strides, bars);
    forward.N = backward.N = in.N;
    forward.K = backward.K = in.K;
    forward.num_terms = backward.num_terms = static_cast<int>(terms_.size());
    forward.terms = terms_.data();
    backward.terms = vjp_.terms.data();
    backward.steps = vjp_.steps.data();
    forward.operands = backward.operands = operands_[0].get();
    forward.x = backward.x = arrays.inputs[0].data();
    forward.layout = backward.layout = in.layout;
    forward.hessian = arrays.hessian.data();
    backward.hessian_cotangent = arrays.M.data();
    backward.x_bar = arrays.bars[0].data();
    backward.operand_bars = bars_[0].get();
    if (!all) return;
    forward.value = arrays.value.data();
    forward.gradient = arrays.gradient.data();
    backward.value_cotangent = arrays.V.data();
    backward.gradient_cotangent = arrays.G.data();
  }
  Problem(const Problem&) = delete;

  TermsArguments<T> forward{};
  TermsVjpArguments<T> backward{};

 private:
  std::vector<Term> terms_;
  VjpParts vjp_;
  std::vector<BoundOperands<const T>> operands_;
  std::vector<BoundOperands<T>> bars_;
};

}  // namespace blockhess::bench
