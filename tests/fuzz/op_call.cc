#include "tests/fuzz/op_call.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "csrc/cpu/dispatch.h"
#include "csrc/tf/operations.h"
#include "tests/fuzz/buffer.h"
#include "tests/fuzz/program_text.h"

namespace blockhess::fuzz {

namespace {

// What the ops ask for, all of it chosen.
struct ChosenAttributes : Attributes {
  std::string program, layout, on_indefinite;
  bool want_value, want_gradient;
  std::vector<bool> wanted;
  int64_t num_operands = 0, num_inputs = 0, num_outputs = 0;

  std::string text(const std::string& name) const override {
    return name == "layout" ? layout : name == "on_indefinite" ? on_indefinite : program;
  }
  bool flag(const std::string& name) const override {
    return name == "want_value" ? want_value : want_gradient;
  }
  std::vector<bool> flags(const std::string&) const override { return wanted; }
  int64_t integer(const std::string& name) const override {
    return name == "num_operands" ? num_operands : name == "num_inputs" ? num_inputs : num_outputs;
  }
};

// What a backend returns, with the question that the ops ask of it.
struct Outcome {
  cpu::Result result;
  bool ok() const { return result == cpu::Result::kDone; }
};

template <typename T>
struct Backend {
  const cpu::TypedFunctions<T>& functions;
  cpu::ParallelFor parallel_for;

  Outcome operator()(const TermsArguments<T>& arguments) const {
    return {functions.terms(arguments, parallel_for)};
  }
  Outcome operator()(const TermsVjpArguments<T>& arguments) const {
    return {functions.terms_vjp(arguments, parallel_for)};
  }
  Outcome operator()(const MapArguments<T>& arguments) const {
    return {functions.map(arguments, parallel_for)};
  }
  Outcome operator()(const NewtonArguments<T>& arguments) const {
    return {functions.newton(arguments, parallel_for)};
  }
  Outcome operator()(const NewtonSolveArguments<T>& arguments) const {
    return {functions.newton_solve(arguments, parallel_for)};
  }
};

// The instruction sets that were built and that this processor has.
const std::vector<std::string>& isas() {
  static const std::vector<std::string> found = [] {
    std::vector<std::string> names;
    for (const std::string& isa : cpu::available_isas()) {
      try {
        cpu::functions(isa);
        names.push_back(isa);
      } catch (const std::runtime_error&) {
      }
    }
    if (names.empty()) fail("no library of the CPU backend beside this program");
    return names;
  }();
  return found;
}

constexpr int64_t kHuge = int64_t{1} << 62;
constexpr int64_t kRows[] = {3,  1,   2,   0,   4,    5, 6, 7, 8, 9,   15,  16, 17,   33,   64,
                             65, 100, 129, 257, 1000, 3, 5, 1, 2, 300, 513, 40, 2100, 5000, kHuge};
constexpr int64_t kColumns[] = {2,  1,  3,   0,   4,   5,   6,   7,         8,     9,  10, 11, 12,
                                13, 14, 15,  16,  17,  18,  31,  32,        33,    48, 63, 64, 65,
                                66, 96, 129, 200, 257, 300, 512, 1025,      2100,  2,  3,  4,  5,
                                6,  7,  8,   9,   3,   5,   8,   1LL << 31, kHuge, 70};

// The number of values, where TensorFlow makes a tensor of this shape and the run is short enough.
std::optional<int64_t> affordable(const Shape& shape) {
  constexpr int64_t kMost = 1 << 18;
  int64_t count = 1;
  bool fits = true;
  for (const int64_t size : shape) fits &= !__builtin_mul_overflow(count, size, &count);
  if (!fits || count > kMost) return std::nullopt;
  return count;
}

bool all_affordable(const std::vector<Shape>& shapes) {
  return std::all_of(shapes.begin(), shapes.end(),
                     [](const Shape& shape) { return affordable(shape).has_value(); });
}

// Mostly moderate numbers; a few that are none, or that overflow soon.
template <typename T>
void fill(uint64_t seed, Buffer<T>& buffer) {
  const bool wild = seed % 2 == 1;
  for (int64_t i = 0; i < buffer.count(); ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const int kind = wild ? static_cast<int>(seed >> 40) % 32 : 31;
    const T moderate = static_cast<T>(static_cast<int>(seed >> 33) % 4096 - 1024) / 512;
    const T special[] = {std::numeric_limits<T>::quiet_NaN(),
                         std::numeric_limits<T>::infinity(),
                         -std::numeric_limits<T>::infinity(),
                         std::numeric_limits<T>::max(),
                         std::numeric_limits<T>::denorm_min(),
                         T(-0.0),
                         T(1e20),
                         T(0)};
    buffer.data()[i] = kind < 8 ? special[kind] : moderate;
  }
}

template <typename T>
std::vector<Buffer<T>> make_inputs(const std::vector<Shape>& shapes, uint64_t seed) {
  std::vector<Buffer<T>> inputs;
  for (const Shape& shape : shapes) {
    inputs.emplace_back(*affordable(shape), false);
    fill(seed += 2, inputs.back());
  }
  return inputs;
}

template <typename T>
struct Results {
  std::string error;
  std::vector<std::vector<T>> outputs;
};

// `variant` is what must make no difference: how many threads there are, and what surrounds the
// outputs and is in them.
template <typename Op, typename T>
Results<T> run(const Op& op, const typename Op::Shapes& checked,
               const std::vector<Buffer<T>>& inputs, const cpu::TypedFunctions<T>& functions,
               int variant, Pool& pool) {
  std::vector<const T*> input_data;
  for (const Buffer<T>& input : inputs) input_data.push_back(input.data());
  std::vector<Buffer<T>> outputs;
  std::vector<T*> output_data;
  for (const Shape& shape : checked.outputs) {
    const int64_t count = *affordable(shape);
    outputs.emplace_back(outputs_are_short && count > 0 ? count - 1 : count, variant % 2 == 1,
                         variant % 2 == 1 ? 0xff : 0x11);
    output_data.push_back(outputs.back().data());
  }
  Results<T> results;
  try {
    const Backend<T> backend{functions, pool.parallel_for(1 + variant)};
    const Outcome outcome = op.run(checked, input_data, output_data, backend);
    if (outcome.result == cpu::Result::kFailed) fail(cpu::kFailure);
    if (!outcome.ok()) results.error = "out of memory";
  } catch (const std::invalid_argument& error) {
    results.error = error.what();
  }
  for (const Buffer<T>& output : outputs) {
    results.outputs.emplace_back(output.data(), output.data() + output.count());
  }
  return results;
}

template <typename T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0 || (std::isnan(a) && std::isnan(b));
}

template <typename T>
void require_same(const Results<T>& a, const Results<T>& b) {
  if (a.error != b.error) fail("the error depends on the number of threads");
  if (a.error == "out of memory") return;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const auto& one = a.outputs[i];
    if (!std::equal(one.begin(), one.end(), b.outputs[i].begin(), same<T>)) {
      fail("a result depends on the number of threads or on what was in its memory");
    }
  }
}

// Compares the outputs that have a part for each of N rows.
template <typename T>
void require_same_but_for_row(const Results<T>& a, const Results<T>& b, int64_t row, int64_t N,
                              size_t num_outputs) {
  for (size_t i = 0; i < num_outputs; ++i) {
    const auto &one = a.outputs[i], &other = b.outputs[i];
    const int64_t size = static_cast<int64_t>(one.size()) / N;
    for (int64_t j = 0; j < N * size; ++j) {
      if (j / std::max<int64_t>(size, 1) != row && !same(one[j], other[j])) {
        fail("a result depends on the numbers of another row");
      }
    }
  }
}

// How many inputs after the first belong to rows, and how many outputs do; 0: rows mean nothing.
struct RowWise {
  size_t inputs, outputs;
};
template <typename Op>
constexpr RowWise kRowWise{1, 3};
template <>
constexpr RowWise kRowWise<MapOp>{0, 0};
template <>
constexpr RowWise kRowWise<TermsGradOp>{1, 1};
template <>
constexpr RowWise kRowWise<NewtonSolveOp>{2, 1};

template <typename Op, typename T>
void spoil_a_row(const Op& op, const typename Op::Shapes& checked, const std::vector<Shape>& shapes,
                 std::vector<Buffer<T>>& inputs, const cpu::TypedFunctions<T>& functions,
                 const Results<T>& expected, Pool& pool) {
  const int64_t N = kRowWise<Op>.inputs > 0 ? shapes[0][0] : 0;
  if (N < 1 || expected.error == "out of memory") return;
  const int64_t row = (N - 1) / 2;
  for (size_t i = 0; i < kRowWise<Op>.inputs; ++i) {
    const int64_t size = inputs[i].count() / N;
    std::fill_n(inputs[i].data() + row * size, size, std::numeric_limits<T>::quiet_NaN());
  }
  const Results<T> spoilt = run(op, checked, inputs, functions, 0, pool);
  require_same_but_for_row(expected, spoilt, row, N, kRowWise<Op>.outputs);
}

template <typename Op, typename T>
void run_everywhere(const Op& op, const std::vector<Shape>& shapes, uint64_t seed, Pool& pool) {
  const typename Op::Shapes checked = op.check(shapes);
  if (!all_affordable(checked.outputs)) return;
  for (const std::string& isa : isas()) {
    const cpu::TypedFunctions<T>& functions = cpu::functions(isa).of<T>();
    std::vector<Buffer<T>> inputs = make_inputs<T>(shapes, seed);
    const Results<T> alone = run(op, checked, inputs, functions, 0, pool);
    for (const int variant : {1, 4}) {
      require_same(alone, run(op, checked, inputs, functions, variant, pool));
    }
    spoil_a_row(op, checked, shapes, inputs, functions, alone, pool);
  }
}

// The shapes of the inputs of a call, right for the most part.
class Shapes {
 public:
  Shapes(Choices& choices) : choices_(choices), N(choices.of(kRows)), K(choices.of(kColumns)) {}

  void add(const std::vector<Shape>& right) {
    shapes_.push_back(right[choices_.below(static_cast<int>(right.size()))]);
    if (choices_.byte() == 255) spoil(shapes_.back());
  }
  void add_operands(const std::vector<Term>& terms) {
    for (const Term& term : terms) {
      for (int p = 0; p < term.num_phi_parameters(); ++p) {
        add({{}, {K}, {N, 1}, {N, K}, {1}, {1, K}, {1, 1}});
      }
      if (term.quadratic) add({{K, K}, {N, K, K}, {1, K, K}});
      if (term.linear) add({{K}, {N, K}, {1, K}});
      for (int p = 0; p < term.num_psi_parameters(); ++p) add({{}, {N}, {N, 1}, {1}, {1, 1}});
    }
  }

  std::vector<Shape> take() { return std::move(shapes_); }

 private:
  void spoil(Shape& shape) {
    const int64_t size = choices_.flag() ? choices_.of(kColumns) : choices_.byte();
    if (shape.empty() || choices_.flag()) {
      shape.push_back(size);
    } else {
      shape[choices_.below(static_cast<int>(shape.size()))] = size;
    }
  }

  Choices& choices_;
  std::vector<Shape> shapes_;

 public:
  const int64_t N, K;
};

int64_t sum_of_operands(const std::vector<Term>& terms) {
  int64_t count = 0;
  for (const Term& term : terms) count += term.num_operands();
  return count;
}

template <typename Op>
struct Of {};

// Calls an op with what was chosen.
class Caller {
 public:
  Caller(Choices& choices, Pool& pool) : choices_(choices), pool_(pool) {
    const int flags = choices.byte();
    is_double_ = flags & 1;
    attributes_.want_value = flags & 2;
    attributes_.want_gradient = flags & 4;
    static const char* const kLayouts[] = {"dense", "packed", "diag", "trace", "none", "other"};
    static const char* const kOnIndefinite[] = {"modify", "nan", "error", "other"};
    attributes_.layout = choices.of(kLayouts);
    attributes_.on_indefinite = choices.of(kOnIndefinite);
    seed_ = choices.byte();
  }

  void make(Of<TermsOp>) {
    const std::vector<Term> terms = compose(TermKind::kForward);
    Shapes shapes(choices_);
    shapes.add({{shapes.N, shapes.K}});
    shapes.add_operands(terms);
    call<TermsOp>(shapes.take());
  }

  void make(Of<TermsGradOp>) {
    const std::vector<Term> terms = compose(TermKind::kVjp);
    Shapes shapes(choices_);
    const int64_t N = shapes.N, K = shapes.K;
    attributes_.wanted.push_back(!choices_.once_in(3));
    for (int64_t i = 0; i < attributes_.num_operands; ++i) {
      attributes_.wanted.push_back(!choices_.once_in(2));
    }
    if (choices_.byte() == 255) attributes_.wanted.push_back(true);
    shapes.add({{N, K}});
    shapes.add_operands(terms);
    const Shape nothing = {0};
    shapes.add({attributes_.want_value ? Shape{N} : nothing});
    shapes.add({attributes_.want_gradient ? Shape{N, K} : nothing});
    const Layout layout = find_layout(attributes_.layout).value_or(Layout::kNone);
    shapes.add({hessian_shape(layout, N, K)});
    call<TermsGradOp>(shapes.take());
  }

  void make(Of<MapOp>) {
    attributes_.program = damaged(compose_map(choices_));
    const Program program = read_map(attributes_.program);
    attributes_.num_inputs = nearly(program.num_inputs);
    attributes_.num_outputs = nearly(static_cast<int64_t>(program.outputs.size()));
    Shapes shapes(choices_);
    const int rank = choices_.below(3);
    const Shape common = rank == 0   ? Shape{shapes.N}
                         : rank == 1 ? Shape{shapes.N, shapes.K}
                                     : Shape{};
    for (int i = 0; i < program.num_inputs; ++i) shapes.add({common, {}});
    call<MapOp>(shapes.take());
  }

  void make(Of<NewtonOp>) {
    const std::vector<Term> terms = compose(TermKind::kForward);
    Shapes shapes(choices_);
    shapes.add({{shapes.N, shapes.K}});
    shapes.add_operands(terms);
    shapes.add({{}, {shapes.N}});
    if (can_solve(shapes)) call<NewtonOp>(shapes.take());
  }

  void make(Of<NewtonSolveOp>) {
    Shapes shapes(choices_);
    const int64_t N = shapes.N, K = shapes.K;
    shapes.add({{N, K}});
    shapes.add({{N, K, K}});
    shapes.add({{}, {N}});
    if (can_solve(shapes)) call<NewtonSolveOp>(shapes.take());
  }

 private:
  std::string damaged(std::string text) {
    if (choices_.once_in(8)) damage(choices_, text);
    return text;
  }
  int64_t nearly(int64_t number) { return choices_.byte() == 255 ? choices_.byte() : number; }

  std::vector<Term> compose(TermKind kind) {
    attributes_.program = damaged(compose_terms(choices_, kind));
    const std::vector<Term> terms = read_terms(attributes_.program, kind);
    attributes_.num_operands = nearly(sum_of_operands(terms));
    return terms;
  }

  // The work grows as the cube of K.
  static bool can_solve(const Shapes& shapes) {
    return shapes.N == 0 || shapes.K == 0 ||
           affordable({4, shapes.N, shapes.K, shapes.K}).has_value();
  }

  // Every value passes every instruction, and every row of x a matrix of its width.
  bool is_short(const std::vector<Shape>& shapes) const {
    constexpr int64_t kMostSteps = 1 << 20, kMostProducts = 1 << 22;
    if (shapes.empty()) return true;
    const std::string& text = attributes_.program;
    const int64_t instructions = std::count(text.begin(), text.end(), ';');
    const int64_t values = *affordable(shapes[0]);
    const int64_t width = shapes[0].empty() ? 1 : shapes[0].back();
    return values == 0 || (values <= kMostSteps / std::max<int64_t>(instructions, 1) &&
                           values <= kMostProducts / width);
  }

  template <typename Op>
  void call(const std::vector<Shape>& shapes) {
    const Op op(attributes_);
    if (!all_affordable(shapes) || !is_short(shapes)) return;
    if (is_double_) {
      run_everywhere<Op, double>(op, shapes, seed_, pool_);
    } else {
      run_everywhere<Op, float>(op, shapes, seed_, pool_);
    }
  }

  Choices& choices_;
  Pool& pool_;
  ChosenAttributes attributes_;
  bool is_double_;
  uint64_t seed_;
};

using Call = void (*)(Caller&);
constexpr Call kCalls[] = {
#define OPERATION(name, ...) [](Caller& caller) { caller.make(Of<name##Op>()); },
#include "csrc/tf/operations.def"
};

}  // namespace

void call_op(Choices& choices, Pool& pool) {
  try {
    const int op = choices.below(static_cast<int>(std::size(kCalls)));
    Caller caller(choices, pool);
    kCalls[op](caller);
  } catch (const std::invalid_argument&) {
  }
}

void overflow() {
  Pool pool(0);
  NewtonSolveArguments<float> arguments{};
  arguments.N = 1;
  arguments.K = int64_t{1} << 40;
  cpu::functions(isas().front()).of<float>().newton_solve(arguments, pool.parallel_for(1));
}

void race() {
  const Program program = read_map("blockhess 1 | map 1: r1 = exp r0; return r1");
  constexpr int64_t kCount = 1 << 16;
  const std::vector<float> values(kCount, 1.0f);
  std::vector<float> output(kCount);
  const MapInput<float> input{values.data(), 1};
  float* const outputs[] = {output.data()};
  const MapArguments<float> arguments{kCount, &program, &input, outputs};
  const auto write = [&] {
    Pool pool(0);
    cpu::functions(isas().front()).of<float>().map(arguments, pool.parallel_for(1));
  };
  std::thread other(write);
  write();
  other.join();
}

}  // namespace blockhess::fuzz
