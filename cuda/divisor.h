// Division by a fixed number, of numbers below 2^31, without a division (Granlund and Montgomery).
#pragma once

#include <cstdint>

#include "csrc/core/host_device.h"

namespace blockhess::cuda {

class Divisor {
 public:
  Divisor() = default;
  BLOCKHESS_HOST_DEVICE explicit Divisor(uint32_t divisor) : divisor_(divisor) {
    while ((uint64_t{1} << bits_) < divisor) ++bits_;
    multiplier_ = static_cast<uint32_t>(((uint64_t{1} << (31 + bits_)) + divisor - 1) / divisor);
  }
  BLOCKHESS_HOST_DEVICE int quotient(int number) const {
    return static_cast<int>((uint64_t{static_cast<uint32_t>(number)} * multiplier_) >>
                            (31 + bits_));
  }
  BLOCKHESS_HOST_DEVICE int divisor() const { return static_cast<int>(divisor_); }

 private:
  uint32_t multiplier_ = 0, divisor_ = 0;
  int bits_ = 0;
};

}  // namespace blockhess::cuda
