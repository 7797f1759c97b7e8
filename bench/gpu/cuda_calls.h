// The CUDA backend with its working memory, which is kept from call to call.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "bench/gpu/device.h"
#include "cuda/functions.h"

namespace blockhess::bench {

inline void* workspace(int64_t bytes) {
  static std::unique_ptr<DeviceArray<char>> memory;
  if (memory == nullptr || memory->bytes() < bytes) {
    memory.reset();
    memory = std::make_unique<DeviceArray<char>>(bytes);
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

}  // namespace blockhess::bench
