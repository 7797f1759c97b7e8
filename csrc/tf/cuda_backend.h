// The CUDA backend on a stream, with working memory from an allocator that is given.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cuda/functions.h"

namespace blockhess {

// `Allocator` is called with a number of bytes, returns absl::StatusOr<void*> and keeps the memory
// as long as it lives. Kernels may use it longer: its next user comes later in the same stream.
template <typename T, typename Allocator>
class CudaBackend {
 public:
  using Value = T;

  CudaBackend(void* stream, Allocator allocate) : stream_(stream), allocate_(std::move(allocate)) {}

  absl::Status operator()(const TermsArguments<T>& arguments) {
    return run(cuda::terms_workspace(arguments), [&](void* workspace) {
      return to_status(cuda::terms(arguments, workspace, stream_), arguments.K);
    });
  }
  absl::Status operator()(const TermsVjpArguments<T>& arguments) {
    return run(cuda::terms_vjp_workspace(arguments), [&](void* workspace) {
      return to_status(cuda::terms_vjp(arguments, workspace, stream_), arguments.K);
    });
  }
  absl::Status operator()(const MapArguments<T>& arguments) {
    return to_status(cuda::map(arguments, stream_));
  }

 private:
  template <typename Call>
  absl::Status run(int64_t workspace_bytes, const Call& call) {
    const absl::StatusOr<void*> workspace = allocate_(workspace_bytes);
    return workspace.ok() ? call(*workspace) : workspace.status();
  }

  static absl::Status to_status(const cuda::Result& result) {
    if (result.is_done()) return absl::OkStatus();
    return absl::InternalError("CUDA: " + std::string(result.text()));
  }
  static absl::Status to_status(const cuda::Result& result, int64_t K) {
    if (result.status != cuda::Status::kTooWide) return to_status(result);
    return absl::UnimplementedError("x has " + std::to_string(K) + " columns, but " +
                                    result.text());
  }

  void* stream_;  // a cudaStream_t
  Allocator allocate_;
};

}  // namespace blockhess
