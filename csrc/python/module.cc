// The Python module blockhess._core: the same core on NumPy arrays, the instruction table and the
// facts of the build. It needs no TensorFlow.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <vector>

#include "csrc/core/evaluate.h"
#include "csrc/core/instruction.h"
#include "csrc/core/needs.h"
#include "csrc/core/operands.h"
#include "csrc/core/term.h"
#include "csrc/cpu/dispatch.h"
#include "csrc/python/threads.h"

namespace blockhess {
namespace {

namespace py = pybind11;

// The backend reads through pointers that must be aligned: NumPy copies arrays that are not.
template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast |
                                 py::detail::npy_api::NPY_ARRAY_ALIGNED_>;

Shape to_shape(const py::array& array) {
  return Shape(array.shape(), array.shape() + array.ndim());
}

// Calls a function of the backend while other Python threads run.
template <typename Arguments>
void run(cpu::Result (*function)(const Arguments&, const cpu::ParallelFor&),
         const Arguments& arguments, int threads) {
  const py::gil_scoped_release released;
  const cpu::Result result = function(arguments, parallel_for(threads));
  if (result == cpu::Result::kOutOfMemory) throw std::bad_alloc();
  if (result == cpu::Result::kFailed) throw std::runtime_error(cpu::kFailure);
}

Layout read_layout(const std::string& name) {
  const std::optional<Layout> layout = find_layout(name);
  if (!layout) throw std::invalid_argument("unknown layout '" + name + "'");
  return *layout;
}

template <typename T>
std::vector<Array<T>> to_arrays(const std::vector<py::object>& objects) {
  std::vector<Array<T>> arrays;
  for (const py::object& object : objects) arrays.push_back(object.cast<Array<T>>());
  return arrays;
}

template <typename T>
std::vector<Strides> strides_of(const std::vector<Term>& terms, const Array<T>& x,
                                const std::vector<Array<T>>& operands) {
  if (x.ndim() != 2) throw std::invalid_argument("x must have two axes");
  check_num_operands(terms, static_cast<int64_t>(operands.size()));
  std::vector<Shape> shapes;
  for (const Array<T>& operand : operands) shapes.push_back(to_shape(operand));
  return operand_strides(terms, x.shape(0), x.shape(1), shapes);
}

template <typename T>
BoundOperands<const T> bind_operands(const std::vector<Term>& terms,
                                     const std::vector<Strides>& strides,
                                     const std::vector<Array<T>>& operands) {
  std::vector<const T*> data;
  for (const Array<T>& operand : operands) data.push_back(operand.data());
  return BoundOperands<const T>(terms, strides, data);
}

template <typename T>
py::tuple terms(const Array<T>& x, const std::vector<py::object>& operand_objects,
                const std::string& text, const std::string& layout, bool want_value,
                bool want_gradient, int threads, const std::string& isa) {
  const Results wanted{want_value, want_gradient, read_layout(layout)};
  const std::vector<Term> parts = forward_parts(read_terms(text, TermKind::kForward), wanted);
  const auto operands = to_arrays<T>(operand_objects);
  const auto strides = strides_of(parts, x, operands);
  const auto bound = bind_operands(parts, strides, operands);

  const int64_t N = x.shape(0), K = x.shape(1);
  std::optional<Array<T>> value, gradient, hessian;
  TermsArguments<T> arguments{};
  arguments.N = N;
  arguments.K = K;
  arguments.num_terms = static_cast<int>(parts.size());
  arguments.terms = parts.data();
  arguments.operands = bound.get();
  arguments.x = x.data();
  arguments.layout = wanted.layout;
  if (wanted.value) arguments.value = value.emplace(Shape{N}).mutable_data();
  if (wanted.gradient) arguments.gradient = gradient.emplace(Shape{N, K}).mutable_data();
  if (wanted.layout != Layout::kNone) {
    arguments.hessian = hessian.emplace(hessian_shape(wanted.layout, N, K)).mutable_data();
  }
  run(cpu::functions(isa).of<T>().terms, arguments, threads);
  return py::make_tuple(value, gradient, hessian);
}

template <typename T>
std::vector<py::object> terms_vjp(const Array<T>& x, const std::vector<py::object>& operand_objects,
                                  const std::string& text, const py::object& value_cotangent,
                                  const py::object& gradient_cotangent,
                                  const py::object& hessian_cotangent, const std::string& layout,
                                  const std::vector<bool>& wanted, int threads,
                                  const std::string& isa) {
  const Results given{!value_cotangent.is_none(), !gradient_cotangent.is_none(),
                      hessian_cotangent.is_none() ? Layout::kNone : read_layout(layout)};
  const VjpParts parts = vjp_parts(read_terms(text, TermKind::kVjp), given, wanted);
  const auto operands = to_arrays<T>(operand_objects);
  const auto strides = strides_of(parts.terms, x, operands);
  const auto bound = bind_operands(parts.terms, strides, operands);

  const int64_t N = x.shape(0), K = x.shape(1);
  std::vector<Array<T>> results, cotangents;
  std::vector<T*> data;
  for (size_t i = 0; i < wanted.size(); ++i) {
    results.emplace_back(!wanted[i] ? Shape{0} : to_shape(i == 0 ? x : operands[i - 1]));
    data.push_back(wanted[i] ? results.back().mutable_data() : nullptr);
  }
  const std::vector<T*> operand_bar_data(data.begin() + 1, data.end());
  const BoundOperands<T> operand_bars(parts.terms, strides, operand_bar_data);
  const auto take = [&](const py::object& object, const Shape& expected) -> const T* {
    if (object.is_none()) return nullptr;
    cotangents.push_back(object.cast<Array<T>>());
    if (to_shape(cotangents.back()) != expected) {
      throw std::invalid_argument("a cotangent has shape " +
                                  to_string(to_shape(cotangents.back())) + "; expected " +
                                  to_string(expected));
    }
    return cotangents.back().data();
  };
  TermsVjpArguments<T> arguments{};
  arguments.N = N;
  arguments.K = K;
  arguments.num_terms = static_cast<int>(parts.terms.size());
  arguments.terms = parts.terms.data();
  arguments.steps = parts.steps.data();
  arguments.operands = bound.get();
  arguments.x = x.data();
  arguments.layout = given.layout;
  arguments.value_cotangent = take(value_cotangent, {N});
  arguments.gradient_cotangent = take(gradient_cotangent, {N, K});
  arguments.hessian_cotangent = take(hessian_cotangent, hessian_shape(given.layout, N, K));
  arguments.x_bar = data[0];
  arguments.operand_bars = operand_bars.get();
  run(cpu::functions(isa).of<T>().terms_vjp, arguments, threads);

  std::vector<py::object> given_bars;
  for (size_t i = 0; i < wanted.size(); ++i) {
    given_bars.push_back(wanted[i] ? py::object(results[i]) : py::none());
  }
  return given_bars;
}

template <typename T>
std::vector<Array<T>> map(const std::string& text, const std::vector<py::object>& input_objects,
                          int threads, const std::string& isa) {
  const Program program = read_map(text);
  const auto arrays = to_arrays<T>(input_objects);
  if (static_cast<int>(arrays.size()) != program.num_inputs) {
    throw std::invalid_argument("the program has " + std::to_string(program.num_inputs) +
                                " inputs, got " + std::to_string(arrays.size()));
  }
  Shape shape;
  std::vector<MapInput<T>> inputs;
  for (const Array<T>& array : arrays) {
    inputs.push_back({array.data(), array.ndim() == 0 ? 0 : 1});
    if (array.ndim() == 0) continue;
    if (!shape.empty() && to_shape(array) != shape) {
      throw std::invalid_argument("inputs of shapes " + to_string(shape) + " and " +
                                  to_string(to_shape(array)));
    }
    shape = to_shape(array);
  }
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<Array<T>> results;
  std::vector<T*> outputs;
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    results.emplace_back(shape);
    outputs.push_back(results.back().mutable_data());
  }
  const MapArguments<T> arguments{count, &program, inputs.data(), outputs.data()};
  run(cpu::functions(isa).of<T>().map, arguments, threads);
  return results;
}

// The steps that are taken, by name.
py::dict to_dict(const VjpSteps& steps) {
  py::dict flags;
  flags["u"] = steps.u;
  flags["M_u"] = steps.M_u;
  flags["M_diagonal"] = steps.M_diagonal;
  flags["S_adds_to_t1"] = steps.S_adds_to_t1;
  flags["D_adds_to_t1"] = steps.D_adds_to_t1;
  flags["t2"] = steps.t2;
  flags["t3"] = steps.t3;
  flags["s_bar"] = steps.s_bar;
  flags["u_bar"] = steps.u_bar;
  flags["S_u_bar"] = steps.S_u_bar;
  flags["M_adds_to_S_bar"] = steps.M_adds_to_S_bar;
  return flags;
}

// Which outputs of phi and psi the vector-Jacobian product of a term needs, and its steps; flags
// say which outputs contribute, are given or are wanted.
py::tuple vjp_needs_of(const std::vector<bool>& phi, const std::vector<bool>& psi, bool quadratic,
                       bool linear, bool value, bool gradient, bool hessian, bool x,
                       const std::vector<bool>& operands) {
  const auto parameters = [](const std::vector<bool>& outputs) {
    return outputs.empty() ? 0 : (static_cast<int64_t>(outputs.size()) - 4) / 3;
  };
  const int64_t of_phi = parameters(phi), of_psi = parameters(psi);
  if (static_cast<int64_t>(operands.size()) != of_phi + quadratic + linear + of_psi) {
    throw std::invalid_argument("the operands have " + std::to_string(operands.size()) +
                                " flags; expected one for each");
  }
  const auto S = operands.begin() + of_phi, b = S + quadratic, rest = b + linear;
  const WantedBars wanted{
      x, {operands.begin(), S}, quadratic && *S, linear && *b, {rest, operands.end()}};
  const Results given{value, gradient, hessian ? Layout::kDense : Layout::kNone};
  const VjpNeeds needs = vjp_needs({phi, psi, quadratic}, given, wanted);
  return py::make_tuple(needs.phi, needs.psi, to_dict(needs.steps));
}

std::vector<double> evaluate_at(const std::string& text, const std::vector<double>& inputs) {
  const Program program = read_map(text);
  if (static_cast<int>(inputs.size()) != program.num_inputs) {
    throw std::invalid_argument("the program has " + std::to_string(program.num_inputs) +
                                " inputs, got " + std::to_string(inputs.size()));
  }
  return evaluate(program, inputs);
}

std::vector<py::tuple> instructions() {
  std::vector<py::tuple> table;
  for (const InstructionInfo& instruction : kInstructions) {
    table.push_back(py::make_tuple(instruction.name, instruction.arity));
  }
  return table;
}

py::dict build_facts() {
  py::dict facts;
  facts["version"] = BLOCKHESS_VERSION;
  facts["tensorflow"] = BLOCKHESS_TENSORFLOW_VERSION;
  facts["compiler"] = BLOCKHESS_COMPILER;
  facts["cuda"] = BLOCKHESS_HAS_CUDA;
  facts["cuda_archs"] = py::cast(std::string(BLOCKHESS_CUDA_ARCHS)).attr("split")();
  const std::string nvcc = BLOCKHESS_NVCC_VERSION;
  facts["nvcc"] = nvcc.empty() ? py::object(py::none()) : py::cast(nvcc);
  facts["isas"] = cpu::available_isas();
  facts["isa"] = cpu::selected_isa();
  facts["xla"] = BLOCKHESS_HAS_XLA;
  return facts;
}

bool is_double(const py::array& array) { return py::isinstance<py::array_t<double>>(array); }

}  // namespace

PYBIND11_MODULE(_core, module) {
  using namespace py::literals;
  module.doc() = "The core of blockhess on NumPy arrays.";
  module.def("instructions", &instructions, "The instruction table: (name, arity) of each.");
  module.def("build_facts", &build_facts, "How this build was made, and the processor it runs on.");
  module.def(
      "check_program", [](const std::string& text) { read_program(text, "map"); }, "text"_a,
      "Raises ValueError unless `text` is a well-formed program.");
  module.def(
      "check_term",
      [](const std::string& text, bool vjp) {
        read_term(text, vjp ? TermKind::kVjp : TermKind::kForward);
      },
      "text"_a, "vjp"_a = false, "Raises ValueError unless `text` is a well-formed term.");
  module.def(
      "vjp_needs", &vjp_needs_of, "phi"_a, "psi"_a, "quadratic"_a, "linear"_a, "value"_a,
      "gradient"_a, "hessian"_a, "x"_a, "operands"_a,
      "(outputs of phi, outputs of psi, steps) that the VJP of a term needs, but for phi itself.");
  module.def("evaluate", &evaluate_at, "program"_a, "inputs"_a,
             "A map program at one point in float64, by the scalar form of the instruction table.");
  module.def(
      "terms",
      [](const py::array& x, const std::vector<py::object>& operands, const std::string& text,
         const std::string& layout, bool want_value, bool want_gradient, int threads,
         const std::string& isa) {
        return is_double(x) ? terms<double>(x, operands, text, layout, want_value, want_gradient,
                                            threads, isa)
                            : terms<float>(x, operands, text, layout, want_value, want_gradient,
                                           threads, isa);
      },
      "x"_a, "operands"_a, "terms"_a, "layout"_a = "dense", "want_value"_a = true,
      "want_gradient"_a = true, "threads"_a = 1, "isa"_a = "",
      "(value, gradient, hessian) of a sum of terms, in the type of x; None where not wanted.");
  module.def(
      "terms_vjp",
      [](const py::array& x, const std::vector<py::object>& operands, const std::string& text,
         const py::object& value_cotangent, const py::object& gradient_cotangent,
         const py::object& hessian_cotangent, const std::string& layout,
         const std::vector<bool>& wanted, int threads, const std::string& isa) {
        return is_double(x)
                   ? terms_vjp<double>(x, operands, text, value_cotangent, gradient_cotangent,
                                       hessian_cotangent, layout, wanted, threads, isa)
                   : terms_vjp<float>(x, operands, text, value_cotangent, gradient_cotangent,
                                      hessian_cotangent, layout, wanted, threads, isa);
      },
      "x"_a, "operands"_a, "terms"_a, "value_cotangent"_a = py::none(),
      "gradient_cotangent"_a = py::none(), "hessian_cotangent"_a = py::none(), "layout"_a = "dense",
      "wanted"_a, "threads"_a = 1, "isa"_a = "",
      "[x_bar, operand bars ...]; None where not wanted. The terms are those of the VJP.");
  module.def(
      "map",
      [](const std::string& text, const std::vector<py::array>& inputs, int threads,
         const std::string& isa) {
        const std::vector<py::object> objects(inputs.begin(), inputs.end());
        const bool all_double = std::all_of(inputs.begin(), inputs.end(), is_double);
        return all_double ? py::cast(map<double>(text, objects, threads, isa))
                          : py::cast(map<float>(text, objects, threads, isa));
      },
      "program"_a, "inputs"_a, "threads"_a = 1, "isa"_a = "",
      "The outputs of a map program; in float64 where all inputs are, in float32 elsewhere.");
}

}  // namespace blockhess
