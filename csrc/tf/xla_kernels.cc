// The kernels of the ops in XLA: each emits a custom call of the op's name, whose attributes are
// those of the TensorFlow node. xla_cpu.cc and xla_cuda.cc have what is called.
#include <cctype>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "csrc/tf/kernel_attributes.h"
#include "csrc/tf/operations.h"
#include "csrc/tf/status.h"
#include "csrc/tf/xla_registration.h"
#include "tensorflow/compiler/tf2xla/xla_op_kernel.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "xla/hlo/builder/xla_builder.h"
#include "xla/shape_util.h"

namespace blockhess {
namespace {

using tensorflow::AttrValue;

// The text as MLIR writes a string.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const unsigned char c : text) {
    if (std::isprint(c) && c != '"' && c != '\\') {
      result += static_cast<char>(c);
    } else {
      absl::StrAppend(&result, "\\", absl::Hex(c, absl::kZeroPad2));
    }
  }
  return result + "\"";
}

// The attribute as MLIR writes it; empty for a type, which XLA knows of each buffer.
std::string to_mlir(const AttrValue& value) {
  switch (value.value_case()) {
    case AttrValue::kS:
      return quoted(value.s());
    case AttrValue::kB:
      return value.b() ? "true" : "false";
    case AttrValue::kI:
      return absl::StrCat(value.i(), " : i64");
    case AttrValue::kList: {
      const std::vector<int> flags(value.list().b().begin(), value.list().b().end());
      return absl::StrCat("array<i8: ", absl::StrJoin(flags, ", "), ">");
    }
    default:
      return "";
  }
}

// The attributes of a node in alphabetical order: caches of compiled code are keyed by the text.
std::string to_mlir(const tensorflow::NodeDef& node) {
  std::set<std::string> entries;
  for (const auto& [name, value] : node.attr()) {
    const std::string text = name[0] == '_' ? "" : to_mlir(value);
    if (!text.empty()) entries.insert(absl::StrCat(name, " = ", text));
  }
  return absl::StrCat("{", absl::StrJoin(entries, ", "), "}");
}

template <typename Op>
class XlaKernel : public tensorflow::XlaOpKernel {
  using OpKernelConstruction = tensorflow::OpKernelConstruction;
  using XlaOpKernelContext = tensorflow::XlaOpKernelContext;

 public:
  explicit XlaKernel(OpKernelConstruction* context) : XlaOpKernel(context) {
    OP_REQUIRES_OK(context, guarded([&] {
                     op_.emplace(KernelAttributes(context));
                     const bool on_gpu = context->device_type() == tensorflow::DEVICE_GPU_XLA_JIT;
                     return xla_registration(on_gpu ? kCuda : kHost);
                   }));
  }

  void Compile(XlaOpKernelContext* context) override {
    OP_REQUIRES_OK(context, guarded([&] { return emit(context); }));
  }

 private:
  absl::Status emit(XlaOpKernelContext* context) const {
    std::vector<Shape> shapes;
    std::vector<xla::XlaOp> inputs;
    std::vector<xla::Shape> arguments, results;
    for (int i = 0; i < context->num_inputs(); ++i) {
      TF_ASSIGN_OR_RETURN(const xla::Shape shape, context->InputXlaShape(i));
      if (shape.is_dynamic()) {
        return absl::UnimplementedError(
            absl::StrCat("input ", i, " has shape ", shape.ToString(),
                         ", whose size depends on values; expected one that XLA knows"));
      }
      shapes.emplace_back(shape.dimensions().begin(), shape.dimensions().end());
      inputs.push_back(context->Input(i));
      arguments.push_back(row_major(shape.element_type(), shapes.back()));
    }
    const typename Op::Shapes checked = op_->check(shapes);
    for (int i = 0; i < context->num_outputs(); ++i) {
      const int64_t value_bytes = tensorflow::DataTypeSize(context->expected_output_dtype(i));
      TF_RETURN_IF_ERROR(check_addressable(checked.outputs[i], value_bytes));
      results.push_back(row_major(context->output_xla_type(i), checked.outputs[i]));
    }
    const xla::XlaOp call = xla::CustomCallWithLayout(
        context->builder(), def().op(), inputs, xla::ShapeUtil::MakeTupleShape(results), arguments,
        to_mlir(def()), /*has_side_effect=*/false, /*output_operand_aliasing=*/{},
        /*literal=*/nullptr, xla::CustomCallSchedule::SCHEDULE_NONE,
        xla::CustomCallApiVersion::API_VERSION_TYPED_FFI);
    for (int i = 0; i < context->num_outputs(); ++i) {
      context->SetOutput(i, xla::GetTupleElement(call, i));
    }
    return absl::OkStatus();
  }

  static xla::Shape row_major(xla::PrimitiveType type, const Shape& sizes) {
    return xla::ShapeUtil::MakeShapeWithDescendingLayout(type, sizes);
  }

  std::optional<Op> op_;
};

#define REGISTER_XLA_KERNEL(name, device)                                                  \
  REGISTER_XLA_OP(                                                                         \
      Name("Blockhess" #name).Device(device).TypeConstraint("T", tensorflow::kFloatTypes), \
      XlaKernel<name##Op>);

#define OPERATION(name, ...) REGISTER_XLA_KERNEL(name, tensorflow::DEVICE_CPU_XLA_JIT)
#include "csrc/tf/operations.def"

// Kernels are registered only where there is code to call: auto-clustering takes all that are.
#if BLOCKHESS_HAS_CUDA
#define OPERATION(name, ...) REGISTER_XLA_KERNEL(name, tensorflow::DEVICE_GPU_XLA_JIT)
#define CPU_OPERATION(...)
#include "csrc/tf/operations.def"
#endif
#undef REGISTER_XLA_KERNEL

}  // namespace
}  // namespace blockhess
