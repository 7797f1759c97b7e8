#include "csrc/tf/status.h"

#include <new>
#include <stdexcept>

namespace blockhess {

using absl::Status;

Status guarded(const std::function<Status()>& function) {
  try {
    return function();
  } catch (const std::invalid_argument& error) {
    return absl::InvalidArgumentError(error.what());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::runtime_error& error) {
    return absl::FailedPreconditionError(error.what());
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

Status check_addressable(const Shape& sizes, int64_t value_bytes) {
  bool fits = true;
  for (const int64_t size : sizes) fits &= !__builtin_mul_overflow(value_bytes, size, &value_bytes);
  if (fits) return Status();
  return absl::ResourceExhaustedError("a result of shape " + to_string(sizes) +
                                      " is larger than 2^63 bytes");
}

}  // namespace blockhess
