// Whether XLA accepted the custom calls of a platform. Nobody handles an error while a library is
// loaded, so the first refusal is kept here until an op is compiled.
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
