// The kernels of the ops in XLA: each emits a custom call of the op's name, whose attributes are
// those of the TensorFlow node. xla_cpu.cc and xla_cuda.cc have what is called.
#include <cctype>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "csrc/tf/kernel_attributes.h"
#include "csrc/tf/map_op.h"
#include "csrc/tf/status.h"
#include "csrc/tf/terms_grad_op.h"
#include "csrc/tf/terms_op.h"
#include "tensorflow/compiler/tf2xla/xla_op_kernel.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "xla/hlo/builder/xla_builder.h"
#include "xla/shape_util.h"

namespace blockhess {
namespace {

using tensorflow::AttrValue;

// As MLIR writes a string.
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

// As MLIR writes it; empty for what the op does not read.
std::string to_mlir(const AttrValue& value) {
  switch (value.value_case()) {
    case AttrValue::kS:
      return quoted(value.s());
    case AttrValue::kB:
      return value.b() ? "true" : "false";
    case AttrValue::kI:
      return absl::StrCat(value.i(), " : i64");
    case AttrValue::kList: {
      std::vector<int> flags(value.list().b().begin(), value.list().b().end());
      return absl::StrCat("array<i8: ", absl::StrJoin(flags, ", "), ">");
    }
    default:
      return "";
  }
}

std::string to_mlir(const tensorflow::NodeDef& node) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : node.attr()) {
    const std::string text = name[0] == '_' ? "" : to_mlir(value);
    if (!text.empty()) entries.push_back(absl::StrCat(name, " = ", text));
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
                     return absl::OkStatus();
                   }));
  }

  void Compile(XlaOpKernelContext* context) override {
    OP_REQUIRES_OK(context, guarded([&] { return emit(context); }));
  }

 private:
  absl::Status emit(XlaOpKernelContext* context) const {
    std::vector<Shape> shapes;
    std::vector<xla::XlaOp> inputs;
    for (int i = 0; i < context->num_inputs(); ++i) {
      TF_ASSIGN_OR_RETURN(const xla::Shape shape, context->InputXlaShape(i));
      if (shape.is_dynamic()) {
        return absl::UnimplementedError(
            absl::StrCat(type_string(), ": input ", i, " has shape ", shape.ToString(),
                         ", of which XLA knows only the largest size; expected one that does not "
                         "depend on values"));
      }
      shapes.emplace_back(shape.dimensions().begin(), shape.dimensions().end());
      inputs.push_back(context->Input(i));
    }
    const typename Op::Shapes checked = op_->check(shapes);
    std::vector<xla::Shape> outputs;
    for (int i = 0; i < context->num_outputs(); ++i) {
      const int64_t value_bytes = tensorflow::DataTypeSize(context->expected_output_dtype(i));
      TF_RETURN_IF_ERROR(check_addressable(checked.outputs[i], value_bytes));
      outputs.push_back(xla::ShapeUtil::MakeShape(context->output_xla_type(i), checked.outputs[i]));
    }
    const xla::XlaOp call = xla::CustomCall(
        context->builder(), Op::kName, inputs, xla::ShapeUtil::MakeTupleShape(outputs),
        to_mlir(def()), /*has_side_effect=*/false, /*output_operand_aliasing=*/{},
        /*literal=*/nullptr, xla::CustomCallSchedule::SCHEDULE_NONE,
        xla::CustomCallApiVersion::API_VERSION_TYPED_FFI);
    for (int i = 0; i < context->num_outputs(); ++i) {
      context->SetOutput(i, xla::GetTupleElement(call, i));
    }
    return absl::OkStatus();
  }

  std::optional<Op> op_;
};

// Where there is no code for a type, TensorFlow says so itself; auto-clustering leaves the op out.
#define REGISTER_XLA_KERNELS(Op)                                                           \
  REGISTER_XLA_OP(Name(Op::kName)                                                          \
                      .Device(tensorflow::DEVICE_CPU_XLA_JIT)                              \
                      .TypeConstraint("T", {tensorflow::DT_FLOAT, tensorflow::DT_DOUBLE}), \
                  XlaKernel<Op>)

REGISTER_XLA_KERNELS(TermsOp)
REGISTER_XLA_KERNELS(TermsGradOp)
REGISTER_XLA_KERNELS(MapOp)
#undef REGISTER_XLA_KERNELS

}  // namespace
}  // namespace blockhess
