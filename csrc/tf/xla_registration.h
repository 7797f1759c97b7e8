// Whether XLA took the custom calls of a platform. Libraries are loaded where nobody takes an
// error, so the first refusal waits here for who compiles an op.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"

namespace blockhess {

inline constexpr char kHost[] = "Host", kCuda[] = "CUDA";

inline absl::Status& xla_registration(const std::string& platform) {
  static std::map<std::string, absl::Status> statuses;
  return statuses[platform];
}

}  // namespace blockhess
