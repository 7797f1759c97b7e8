// The CUDA backend: the functions of csrc/cpu/functions.h for float, double, Half and BFloat16.
//
// The argument structs, the terms and programs and the arrays of operands and map inputs live on
// the host; the data that they point to lives on the device. Nothing here allocates or waits: a
// call puts its kernels on the stream and returns, and the host side of the arguments may then go.
// The results depend on the arguments alone, to the bit.
#pragma once

#include <cstdint>

#include "csrc/core/arguments.h"
#include "csrc/core/half.h"

namespace blockhess::cuda {

enum class Status {
  kDone,
  kLaunchFailed,  // `error` of the result is the cudaError_t
  kTooWide,       // K is past kMostColumns
};

inline constexpr int64_t kMostColumns = 32768;

struct Result {
  Status status = Status::kDone;
  int error = 0;

  bool is_done() const { return status == Status::kDone; }
  // A sentence without a full stop.
  const char* text() const;
};

// The bytes of device memory that a call works in, from host data alone. Where they are 0 the
// workspace may be null; else it is aligned to 16 bytes.
template <typename T>
int64_t terms_workspace(const TermsArguments<T>& arguments);
template <typename T>
int64_t terms_vjp_workspace(const TermsVjpArguments<T>& arguments);

// `stream` is a cudaStream_t. The terms are those of forward_parts and vjp_parts
// (csrc/core/needs.h).
template <typename T>
Result terms(const TermsArguments<T>& arguments, void* workspace, void* stream);
template <typename T>
Result terms_vjp(const TermsVjpArguments<T>& arguments, void* workspace, void* stream);
template <typename T>
Result map(const MapArguments<T>& arguments, void* stream);

}  // namespace blockhess::cuda
