// The custom calls of the ops on NVIDIA GPUs, on XLA's stream, with working memory from its
// allocator.
#include "csrc/tf/cuda_backend.h"
#include "csrc/tf/operations.h"
#include "csrc/tf/xla_handler.h"

namespace blockhess {
namespace {

class FfiAllocator {
 public:
  explicit FfiAllocator(ffi::ScratchAllocator scratch) : scratch_(std::move(scratch)) {}

  absl::StatusOr<void*> operator()(int64_t bytes) {
    if (bytes == 0) return nullptr;
    constexpr size_t kAlignment = 16;
    const std::optional<void*> memory = scratch_.Allocate(bytes, kAlignment);
    if (memory) return *memory;
    return absl::ResourceExhaustedError("no " + std::to_string(bytes) +
                                        " bytes of working memory on the GPU");
  }

 private:
  ffi::ScratchAllocator scratch_;
};

template <typename Op>
ffi::Error execute(void* stream, ffi::ScratchAllocator scratch, ffi::RemainingArgs args,
                   ffi::RemainingRets rets, const ffi::Dictionary&, XlaState<Op>* state) {
  const auto run_as = [&](auto zero) {
    using Backend = CudaBackend<decltype(zero), FfiAllocator>;
    return run(state->op, args, rets, Backend(stream, FfiAllocator(std::move(scratch))));
  };
  return to_ffi(guarded([&] { return by_type(rets, run_as); }));
}

template <typename Op>
XLA_FFI_Error* execute_handler(XLA_FFI_CallFrame* frame) {
  static const auto* const handler =
      with_call<Op>(ffi::Ffi::Bind().Ctx<ffi::PlatformStream<void*>>().Ctx<ffi::ScratchAllocator>())
          .To(execute<Op>)
          .release();
  return handler->Call(frame);
}

[[maybe_unused]] const bool registered = [] {
#define OPERATION(name, ...) \
  register_handler<name##Op>("Blockhess" #name, kCuda, execute_handler<name##Op>);
#define CPU_OPERATION(...)
#include "csrc/tf/operations.def"
  return true;
}();

}  // namespace
}  // namespace blockhess
