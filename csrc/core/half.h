// The 16-bit floating-point types: storage alone, arithmetic is done in float. Each has the bits of
// Eigen::half and __half, or of Eigen::bfloat16 and __nv_bfloat16.
#pragma once

#include <cstdint>
#include <cstring>

#include "csrc/core/host_device.h"

namespace blockhess {

struct Half {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

BLOCKHESS_HOST_DEVICE inline uint32_t float_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

BLOCKHESS_HOST_DEVICE inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

BLOCKHESS_HOST_DEVICE inline float to_float(BFloat16 value) {
  return float_of_bits(static_cast<uint32_t>(value.bits) << 16);
}

// Rounds to nearest, ties to even.
BLOCKHESS_HOST_DEVICE inline BFloat16 to_bfloat16(float value) {
  const uint32_t bits = float_bits(value);
  if (value != value) return {static_cast<uint16_t>((bits >> 16) | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

BLOCKHESS_HOST_DEVICE inline float to_float(Half value) {
#ifdef __CUDA_ARCH__
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
#else
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000) << 16;
  const uint32_t exponent = (value.bits >> 10) & 0x1f, fraction = value.bits & 0x3ff;
  if (exponent == 0x1f) return float_of_bits(sign | 0x7f800000 | (fraction << 13));
  if (exponent != 0) return float_of_bits(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 5.9604644775390625e-8f;  // 2^-24
  return float_of_bits(sign | float_bits(magnitude));
#endif
}

// Rounds to nearest, ties to even.
BLOCKHESS_HOST_DEVICE inline Half to_half(float value) {
#ifdef __CUDA_ARCH__
  uint16_t result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(value));
  return {result};
#else
  const uint32_t bits = float_bits(value), magnitude = bits & 0x7fffffff;
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  if (magnitude > 0x7f800000) return {static_cast<uint16_t>(sign | 0x7e00)};
  // From 65520 on all rounds to infinity.
  if (magnitude >= 0x477ff000) return {static_cast<uint16_t>(sign | 0x7c00)};
  if (magnitude < 0x38800000) {
    // Subnormal: adding 0.5 leaves the rounded fraction in the lowest bits.
    const float shifted = float_of_bits(magnitude) + 0.5f;
    return {static_cast<uint16_t>(sign | (float_bits(shifted) - 0x3f000000))};
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1) - (uint32_t{112} << 23);
  return {static_cast<uint16_t>(sign | (rounded >> 13))};
#endif
}

}  // namespace blockhess
