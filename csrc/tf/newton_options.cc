#include "csrc/tf/newton_options.h"

#include <sstream>
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

void fail_on_indefinite(int64_t row, int64_t pivot, double value) {
  std::ostringstream message;
  message << "the block of row " << row << " is not positive definite: pivot " << pivot
          << " of its factorisation is " << value << ", damping included; on_indefinite is 'error'";
  throw std::invalid_argument(message.str());
}

}  // namespace blockhess
