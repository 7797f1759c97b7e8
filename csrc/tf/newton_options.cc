#include "csrc/tf/newton_options.h"

#include <stdexcept>

namespace blockhess {

OnIndefinite read_on_indefinite(const Attributes& attributes) {
  const std::string name = attributes.text("on_indefinite");
  if (const auto found = find_on_indefinite(name)) return *found;
  throw std::invalid_argument("unknown on_indefinite '" + name + "'");
}

int64_t damping_stride(const Shape& damping, int64_t N) {
  if (damping.empty()) return 0;
  if (damping == Shape{N}) return 1;
  throw std::invalid_argument("damping has shape " + to_string(damping) +
                              "; expected a scalar or " + to_string(Shape{N}) + ", one a row");
}

}  // namespace blockhess
