// Registers the kernels of an operation on a device, in every type.
#pragma once

#include "csrc/core/half.h"
#include "csrc/tf/kernel.h"
#include "csrc/tf/operations.h"

#define REGISTER_KERNEL(name, device, TensorType, Backend)                                        \
  REGISTER_KERNEL_BUILDER(Name("Blockhess" #name).Device(device).TypeConstraint<TensorType>("T"), \
                          Kernel<name##Op, Backend>);
#define REGISTER_KERNELS(name, device, Backend)                     \
  REGISTER_KERNEL(name, device, Eigen::half, Backend<Half>)         \
  REGISTER_KERNEL(name, device, Eigen::bfloat16, Backend<BFloat16>) \
  REGISTER_KERNEL(name, device, float, Backend<float>)              \
  REGISTER_KERNEL(name, device, double, Backend<double>)
