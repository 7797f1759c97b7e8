// The custom calls of the ops on the CPU, on the thread pool that XLA gives.
#include "csrc/tf/map_op.h"
#include "csrc/tf/terms_grad_op.h"
#include "csrc/tf/terms_op.h"
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
  return to_ffi(guarded([&]() -> absl::Status {
    switch (value_type(rets)) {
      case ffi::F16:
        return run_as(Half{});
      case ffi::BF16:
        return run_as(BFloat16{});
      case ffi::F32:
        return run_as(float{});
      case ffi::F64:
        return run_as(double{});
      default:
        return absl::UnimplementedError("XLA on the CPU takes floating-point values");
    }
  }));
}

template <typename Op>
XLA_FFI_Error* execute_handler(XLA_FFI_CallFrame* frame) {
  static const auto* const handler = ffi::Ffi::Bind()
                                         .Ctx<ffi::ThreadPool>()
                                         .RemainingArgs()
                                         .RemainingRets()
                                         .Attrs<ffi::Dictionary>()
                                         .Ctx<ffi::State<XlaState<Op>>>()
                                         .To(execute<Op>)
                                         .release();
  return handler->Call(frame);
}

[[maybe_unused]] const bool registered = [] {
  register_handler<TermsOp>("Host", execute_handler<TermsOp>);
  register_handler<TermsGradOp>("Host", execute_handler<TermsGradOp>);
  register_handler<MapOp>("Host", execute_handler<MapOp>);
  return true;
}();

}  // namespace
}  // namespace blockhess
