// The CUDA backend with its working memory, which is kept from call to call.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "bench/gpu/device.h"
#include "cuda/functions.h"

namespace blockhess::bench {

inline std::optional<DeviceArray<BFloat16>>& workspace_memory() {
  static std::optional<DeviceArray<BFloat16>> memory;
  return memory;
}

inline void* workspace(int64_t bytes) {
  std::optional<DeviceArray<BFloat16>>& memory = workspace_memory();
  const int64_t count = (bytes + 1) / 2;
  if (!memory || memory->bytes() < bytes) {
    memory.reset();
    memory.emplace(count);
  }
  return memory->data();
}

inline void require(const cuda::Result& result, const char* what) {
  if (result.is_done()) return;
  std::fprintf(stderr, "%s: %s\n", what, result.text());
  std::exit(1);
}

template <typename T>
void call(const TermsArguments<T>& arguments) {
  require(cuda::terms(arguments, workspace(cuda::terms_workspace(arguments)), nullptr), "terms");
}

template <typename T>
void call(const TermsVjpArguments<T>& arguments) {
  require(cuda::terms_vjp(arguments, workspace(cuda::terms_vjp_workspace(arguments)), nullptr),
          "terms_vjp");
}

template <typename T>
void call(const MapArguments<T>& arguments) {
  require(cuda::map(arguments, nullptr), "map");
}

}  // namespace blockhess::bench
