// What a Newton direction is where a block is not positive definite.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace blockhess {

enum class OnIndefinite : uint8_t {
  kModify,  // that of a positive definite block nearby
  kNan,     // NaN
  kError,   // NaN, and the first such row is reported
};

inline std::optional<OnIndefinite> find_on_indefinite(std::string_view name) {
  if (name == "modify") return OnIndefinite::kModify;
  if (name == "nan") return OnIndefinite::kNan;
  if (name == "error") return OnIndefinite::kError;
  return std::nullopt;
}

}  // namespace blockhess
