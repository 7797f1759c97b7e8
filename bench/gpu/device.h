// Memory on the GPU, and calls of the CUDA runtime that stop the program where they fail.
#pragma once

#include <cuda_runtime_api.h>

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

// An array on the GPU. Its values are double on the host. They are NaN at first, whatever the type,
// so that what is never written does not pass for a result, perhaps of an earlier call.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t count) : count_(count) {
    void* data = nullptr;
    if (count > 0) {
      require(cudaMalloc(&data, bytes()), "cudaMalloc");
      require(cudaMemset(data, 0xff, bytes()), "cudaMemset");
    }
    data_ = static_cast<T*>(data);
  }
  explicit DeviceArray(const std::vector<double>& values)
      : DeviceArray(static_cast<int64_t>(values.size())) {
    std::vector<T> narrowed(values.size());
    for (size_t i = 0; i < values.size(); ++i) narrow(values[i], &narrowed[i]);
    if (count_ == 0) return;
    require(cudaMemcpy(data_, narrowed.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
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
