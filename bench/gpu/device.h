// Memory on the GPU, and calls of the CUDA runtime that stop the program where they fail.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "csrc/core/half.h"

namespace blockhess::bench {

inline void require(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

inline double widen(double value) { return value; }
inline double widen(Half value) { return to_float(value); }
inline double widen(BFloat16 value) { return to_float(value); }

inline void narrow(double value, float* to) { *to = static_cast<float>(value); }
inline void narrow(double value, double* to) { *to = value; }
inline void narrow(double value, Half* to) { *to = to_half(static_cast<float>(value)); }
inline void narrow(double value, BFloat16* to) { *to = to_bfloat16(static_cast<float>(value)); }

// Whether new memory is NaN in every type, so that what is never written does not pass for a
// result, perhaps of an earlier call. Without it compute-sanitizer's initcheck sees what is never
// written.
inline bool& fills_new_memory() {
  static bool fills = true;
  return fills;
}

// An array on the GPU. Its values are double on the host.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t count) : count_(count) {
    void* data = nullptr;
    if (count > 0) {
      require(cudaMalloc(&data, bytes()), "cudaMalloc");
      if (fills_new_memory()) require(cudaMemset(data, 0xff, bytes()), "cudaMemset");
    }
    data_ = static_cast<T*>(data);
  }
  explicit DeviceArray(const std::vector<double>& values)
      : DeviceArray(values, static_cast<int64_t>(values.size())) {}
  // The values, and from the start again, up to that count; copied on the GPU, which takes no time.
  DeviceArray(const std::vector<double>& values, int64_t count) : DeviceArray(count) {
    if (count == 0) return;
    std::vector<T> narrowed(values.size());
    for (size_t i = 0; i < values.size(); ++i) narrow(values[i], &narrowed[i]);
    int64_t filled = std::min(count, static_cast<int64_t>(values.size()));
    require(cudaMemcpy(data_, narrowed.data(), filled * sizeof(T), cudaMemcpyHostToDevice),
            "cudaMemcpy");
    while (filled < count) {
      const int64_t more = std::min(filled, count - filled);
      require(cudaMemcpy(data_ + filled, data_, more * sizeof(T), cudaMemcpyDeviceToDevice),
              "cudaMemcpy");
      filled += more;
    }
  }
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(other.count_) {}
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  T* data() const { return data_; }
  int64_t bytes() const { return count_ * static_cast<int64_t>(sizeof(T)); }

  std::vector<double> to_host() const {
    if (count_ <= 0) return {};
    std::vector<T> values(count_);
    require(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    std::vector<double> widened;
    for (const T value : values) widened.push_back(widen(value));
    return widened;
  }

 private:
  T* data_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace blockhess::bench
