// The CPU backend of the instruction set that was selected, on a thread pool that is given.
#pragma once

#include "absl/status/status.h"
#include "csrc/cpu/dispatch.h"

namespace blockhess {

template <typename T>
class CpuBackend {
 public:
  using Value = T;

  // Throws std::runtime_error where there is no library for the instruction set.
  explicit CpuBackend(const cpu::ParallelFor& parallel_for)
      : functions_(cpu::functions().of<T>()), parallel_for_(parallel_for) {}

  absl::Status operator()(const TermsArguments<T>& arguments) const {
    return to_status(functions_.terms(arguments, parallel_for_));
  }
  absl::Status operator()(const TermsVjpArguments<T>& arguments) const {
    return to_status(functions_.terms_vjp(arguments, parallel_for_));
  }
  absl::Status operator()(const MapArguments<T>& arguments) const {
    return to_status(functions_.map(arguments, parallel_for_));
  }
  absl::Status operator()(const NewtonArguments<T>& arguments) const {
    return to_status(functions_.newton(arguments, parallel_for_));
  }
  absl::Status operator()(const NewtonSolveArguments<T>& arguments) const {
    return to_status(functions_.newton_solve(arguments, parallel_for_));
  }

 private:
  static absl::Status to_status(cpu::Result result) {
    switch (result) {
      case cpu::Result::kDone:
        return absl::OkStatus();
      case cpu::Result::kOutOfMemory:
        return absl::ResourceExhaustedError("out of memory for the working memory of a thread");
      case cpu::Result::kFailed:
        break;
    }
    return absl::InternalError(cpu::kFailure);
  }

  const cpu::TypedFunctions<T>& functions_;
  cpu::ParallelFor parallel_for_;
};

}  // namespace blockhess
