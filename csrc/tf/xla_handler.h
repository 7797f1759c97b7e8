// The custom call that xla_kernels.cc emits, on any backend: a handler of XLA's FFI that runs the
// op on XLA's buffers.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "csrc/core/half.h"
#include "csrc/tf/attributes.h"
#include "csrc/tf/run_op.h"
#include "csrc/tf/status.h"
#include "csrc/tf/xla_registration.h"
#include "xla/ffi/api/ffi.h"

extern "C" const XLA_FFI_Api* XLA_FFI_GetApi();

namespace blockhess {

namespace ffi = xla::ffi;

class FfiAttributes : public Attributes {
 public:
  explicit FfiAttributes(const ffi::Dictionary& dictionary) : dictionary_(dictionary) {}

  std::string text(const std::string& name) const override {
    return std::string(get<std::string_view>(name));
  }
  bool flag(const std::string& name) const override { return get<bool>(name); }
  std::vector<bool> flags(const std::string& name) const override {
    const auto values = get<ffi::Span<const int8_t>>(name);
    return std::vector<bool>(values.begin(), values.end());
  }
  int64_t integer(const std::string& name) const override { return get<int64_t>(name); }

 private:
  template <typename Value>
  Value get(const std::string& name) const {
    const ffi::ErrorOr<Value> value = dictionary_.get<Value>(name);
    if (!value.has_value()) throw std::invalid_argument(name + ": " + value.error().message());
    return *value;
  }

  ffi::Dictionary dictionary_;
};

// The op of one custom call, read when XLA builds the executable and kept in it.
template <typename Op>
struct XlaState {
  static inline ffi::TypeId id{};
  Op op;
};

// The status as XLA's error; both number their codes alike.
inline ffi::Error to_ffi(const absl::Status& status) {
  return ffi::Error(static_cast<ffi::ErrorCode>(status.raw_code()), std::string(status.message()));
}

inline Shape to_shape(const ffi::AnyBuffer& buffer) {
  return Shape(buffer.dimensions().begin(), buffer.dimensions().end());
}

// Calls run_as(0) with a zero of the type of all inputs and outputs of a call.
template <typename RunAs>
absl::Status by_type(const ffi::RemainingRets& rets, const RunAs& run_as) {
  switch ((*rets.get<ffi::AnyBuffer>(0))->element_type()) {
    case ffi::F16:
      return run_as(Half{});
    case ffi::BF16:
      return run_as(BFloat16{});
    case ffi::F32:
      return run_as(float{});
    case ffi::F64:
      return run_as(double{});
    default:
      return absl::UnimplementedError("XLA calls the op on values that are not floating-point");
  }
}

// Throws std::invalid_argument for other shapes than the op takes and gives.
template <typename Op, typename Backend>
absl::Status run(const Op& op, const ffi::RemainingArgs& args, const ffi::RemainingRets& rets,
                 Backend backend) {
  using T = typename Backend::Value;
  std::vector<Shape> shapes;
  std::vector<const T*> inputs;
  for (size_t i = 0; i < args.size(); ++i) {
    const ffi::AnyBuffer buffer = *args.get<ffi::AnyBuffer>(i);
    shapes.push_back(to_shape(buffer));
    inputs.push_back(static_cast<const T*>(buffer.untyped_data()));
  }
  std::vector<T*> outputs;
  for (size_t i = 0; i < rets.size(); ++i) {
    outputs.push_back(static_cast<T*>((*rets.get<ffi::AnyBuffer>(i))->untyped_data()));
  }
  return run_op(op, shapes, op.check(shapes), inputs, outputs, std::move(backend));
}

template <typename Op>
ffi::ErrorOr<std::unique_ptr<XlaState<Op>>> instantiate(ffi::Dictionary attributes) {
  std::unique_ptr<XlaState<Op>> state;
  const absl::Status status = guarded([&] {
    state.reset(new XlaState<Op>{Op(FfiAttributes(attributes))});
    return absl::OkStatus();
  });
  if (!status.ok()) return ffi::Unexpected(to_ffi(status));
  return state;
}

// What a handler takes after the contexts of its backend.
template <typename Op, typename Binding>
auto with_call(Binding contexts) {
  return std::move(contexts)
      .RemainingArgs()
      .RemainingRets()
      .template Attrs<ffi::Dictionary>()
      .template Ctx<ffi::State<XlaState<Op>>>();
}

template <typename Op>
XLA_FFI_Error* instantiate_handler(XLA_FFI_CallFrame* frame) {
  static const auto* const handler =
      ffi::Ffi::BindInstantiate().Attrs<ffi::Dictionary>().To(instantiate<Op>).release();
  return handler->Call(frame);
}

// Keeps the first refusal of a platform.
inline void keep_refusal(const char* name, const char* platform, XLA_FFI_Error* error) {
  if (error == nullptr) return;
  const XLA_FFI_Api* const api = XLA_FFI_GetApi();
  const std::string message = ffi::internal::GetErrorMessage(api, error);
  ffi::internal::DestroyError(api, error);
  xla_registration(platform).Update(absl::FailedPreconditionError(
      "XLA refused the custom call " + std::string(name) + " on " + platform + ": " + message));
}

// Registers the custom call of an op on a platform.
template <typename Op>
void register_handler(const char* name, const char* platform, XLA_FFI_Handler* execute) {
  const XLA_FFI_Api* const api = XLA_FFI_GetApi();
  const auto keep = [&](XLA_FFI_Error* error) { keep_refusal(name, platform, error); };
#if XLA_FFI_API_MINOR >= 2
  keep(ffi::Ffi::RegisterTypeId(api, name, &XlaState<Op>::id, ffi::MakeTypeInfo<XlaState<Op>>()));
#else  // TensorFlow 2.20
  keep(ffi::Ffi::RegisterTypeId(api, name, &XlaState<Op>::id));
#endif
  keep(ffi::Ffi::RegisterStaticHandler(api, name, platform,
                                       {instantiate_handler<Op>, nullptr, nullptr, execute}));
}

}  // namespace blockhess
