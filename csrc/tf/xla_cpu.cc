// The custom calls of the ops on the CPU, on the thread pool that XLA gives.
#include "csrc/tf/operations.h"
#include "csrc/tf/xla_handler.h"
#include "csrc/tf/xla_pool.h"

namespace blockhess {
namespace {

template <typename Op>
ffi::Error execute(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets,
                   const ffi::Dictionary&, XlaState<Op>* state) {
  const auto run_as = [&](auto zero) {
    return run(state->op, args, rets, CpuBackendOf<decltype(zero)>(parallel_for(pool)));
  };
  return to_ffi(guarded([&] { return by_type(rets, run_as); }));
}

template <typename Op>
XLA_FFI_Error* execute_handler(XLA_FFI_CallFrame* frame) {
  static const auto* const handler =
      with_call<Op>(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()).To(execute<Op>).release();
  return handler->Call(frame);
}

[[maybe_unused]] const bool registered = [] {
#define OPERATION(name, ...) \
  register_handler<name##Op>("Blockhess" #name, kHost, execute_handler<name##Op>);
#include "csrc/tf/operations.def"
  return true;
}();

}  // namespace
}  // namespace blockhess
