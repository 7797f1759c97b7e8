// How a call of the backend ends. No exception leaves a thread of a pool, nor the library of an
// instruction set.
#pragma once

#include <new>

namespace blockhess::cpu {

enum class Result { kDone, kOutOfMemory, kFailed };

inline constexpr char kFailure[] = "the CPU backend failed on an exception of its own";

// What `function` returns, or what its exception stands for.
template <typename Function>
Result caught(const Function& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return Result::kOutOfMemory;
  } catch (...) {
    return Result::kFailed;
  }
}

}  // namespace blockhess::cpu
