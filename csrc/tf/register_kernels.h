// Registers kernels in every type: of one op, or of each that every device has.
#pragma once

#include "csrc/core/half.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/map_op.h"
#include "csrc/tf/terms_grad_op.h"
#include "csrc/tf/terms_op.h"

#define REGISTER_KERNEL(Op, device, TensorType, Backend)                                  \
  REGISTER_KERNEL_BUILDER(Name(Op::kName).Device(device).TypeConstraint<TensorType>("T"), \
                          Kernel<Op, Backend>);
#define REGISTER_KERNELS_OF(Op, device, Backend)                  \
  REGISTER_KERNEL(Op, device, Eigen::half, Backend<Half>)         \
  REGISTER_KERNEL(Op, device, Eigen::bfloat16, Backend<BFloat16>) \
  REGISTER_KERNEL(Op, device, float, Backend<float>)              \
  REGISTER_KERNEL(Op, device, double, Backend<double>)
#define REGISTER_KERNELS(device, Backend)           \
  REGISTER_KERNELS_OF(TermsOp, device, Backend)     \
  REGISTER_KERNELS_OF(TermsGradOp, device, Backend) \
  REGISTER_KERNELS_OF(MapOp, device, Backend)
