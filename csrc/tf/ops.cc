// The shape functions of the ops, and their definitions from the table.
#include <string>
#include <vector>

#include "csrc/core/layout.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace blockhess {
namespace {

using absl::Status;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// The shape of an unwanted output.
ShapeHandle nothing(InferenceContext* c) { return c->Vector(0); }

Status block_shape(InferenceContext* c, DimensionHandle N, DimensionHandle K, ShapeHandle* shape) {
  std::string name;
  TF_RETURN_IF_ERROR(c->GetAttr("layout", &name));
  const Layout layout = find_layout(name).value_or(Layout::kNone);
  const int axes = info(layout).axes;
  if (layout == Layout::kNone) {
    *shape = nothing(c);
  } else if (axes == 2) {
    *shape = c->MakeShape({N, K, K});
  } else if (axes == 0) {
    *shape = c->Vector(N);
  } else {
    const bool is_known = c->ValueKnown(K) && has_block_size(layout, c->Value(K));
    *shape = c->Matrix(N, is_known ? c->MakeDim(block_size(layout, c->Value(K))) : c->UnknownDim());
  }
  return Status();
}

Status terms_shape(InferenceContext* c) {
  ShapeHandle x, hessian;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 2, &x));
  bool want_value, want_gradient;
  TF_RETURN_IF_ERROR(c->GetAttr("want_value", &want_value));
  TF_RETURN_IF_ERROR(c->GetAttr("want_gradient", &want_gradient));
  TF_RETURN_IF_ERROR(block_shape(c, c->Dim(x, 0), c->Dim(x, 1), &hessian));
  c->set_output(0, want_value ? c->Vector(c->Dim(x, 0)) : nothing(c));
  c->set_output(1, want_gradient ? x : nothing(c));
  c->set_output(2, hessian);
  return Status();
}

// x and the operands are the first inputs, and each has an output of its shape where it is wanted.
Status terms_grad_shape(InferenceContext* c) {
  ShapeHandle x;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 2, &x));
  std::vector<bool> wanted;
  TF_RETURN_IF_ERROR(c->GetAttr("wanted", &wanted));
  for (int i = 0; i < c->num_outputs(); ++i) {
    const bool is_wanted = i < static_cast<int>(wanted.size()) && wanted[i];
    c->set_output(i, is_wanted ? c->input(i) : nothing(c));
  }
  return Status();
}

// Scalars aside, all inputs have one shape, which is the shape of every output.
Status map_shape(InferenceContext* c) {
  ShapeHandle common = c->Scalar();
  for (int i = 0; i < c->num_inputs(); ++i) {
    const ShapeHandle input = c->input(i);
    if (c->RankKnown(input) && c->Rank(input) == 0) continue;
    if (!c->RankKnown(input)) {
      // The input may be a scalar; the shape of the outputs is then open unless another decides.
      if (c->RankKnown(common) && c->Rank(common) == 0) common = c->UnknownShape();
    } else if (!c->RankKnown(common) || c->Rank(common) == 0) {
      common = input;
    } else {
      TF_RETURN_IF_ERROR(c->Merge(common, input, &common));
    }
  }
  for (int i = 0; i < c->num_outputs(); ++i) c->set_output(i, common);
  return Status();
}

// Damping, the last input, is a scalar or has one value a row.
Status check_damping(InferenceContext* c, DimensionHandle N) {
  ShapeHandle damping;
  DimensionHandle rows;
  TF_RETURN_IF_ERROR(c->WithRankAtMost(c->input(c->num_inputs() - 1), 1, &damping));
  if (!c->RankKnown(damping) || c->Rank(damping) == 0) return Status();
  return c->Merge(c->Dim(damping, 0), N, &rows);
}

Status newton_shape(InferenceContext* c) {
  ShapeHandle x;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 2, &x));
  TF_RETURN_IF_ERROR(check_damping(c, c->Dim(x, 0)));
  bool want_value, want_gradient;
  TF_RETURN_IF_ERROR(c->GetAttr("want_value", &want_value));
  TF_RETURN_IF_ERROR(c->GetAttr("want_gradient", &want_gradient));
  c->set_output(0, want_value ? c->Vector(c->Dim(x, 0)) : nothing(c));
  c->set_output(1, want_gradient ? x : nothing(c));
  c->set_output(2, x);
  return Status();
}

Status newton_solve_shape(InferenceContext* c) {
  ShapeHandle gradient, hessian;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 2, &gradient));
  const DimensionHandle N = c->Dim(gradient, 0), K = c->Dim(gradient, 1);
  TF_RETURN_IF_ERROR(c->Merge(c->input(1), c->MakeShape({N, K, K}), &hessian));
  TF_RETURN_IF_ERROR(check_damping(c, N));
  c->set_output(0, gradient);
  return Status();
}

// The attribute "layout: {'none', 'dense', ...} = 'dense'".
std::string layout_attribute() {
  std::string names;
  for (const LayoutInfo& layout : kLayouts) {
    names += (names.empty() ? "'" : ", '") + std::string(layout.name) + "'";
  }
  return "layout: {" + names + "} = 'dense'";
}

}  // namespace

#define OPERATION(name, shape, interface) \
  REGISTER_OP("Blockhess" #name)          \
      .Attr("T: {half, bfloat16, float, double}") interface.SetShapeFn(shape);
#include "csrc/tf/operations.def"

}  // namespace blockhess
