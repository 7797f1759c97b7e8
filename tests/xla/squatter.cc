// Takes the name of a custom call before the library does.
#include "xla/ffi/api/c_api.h"

extern "C" const XLA_FFI_Api* XLA_FFI_GetApi();

namespace {

// Answers the question for the version of the interface, as any handler does when it is registered.
XLA_FFI_Error* answer(XLA_FFI_CallFrame* frame) {
  XLA_FFI_Extension_Base* const first = frame->extension_start;
  if (first != nullptr && first->type == XLA_FFI_Extension_Metadata) {
    XLA_FFI_Metadata* const metadata =
        reinterpret_cast<XLA_FFI_Metadata_Extension*>(first)->metadata;
    metadata->api_version.major_version = XLA_FFI_API_MAJOR;
    metadata->api_version.minor_version = XLA_FFI_API_MINOR;
  }
  return nullptr;
}

}  // namespace

// Whether XLA took it.
extern "C" int squat() {
  XLA_FFI_Handler_Register_Args args{};
  args.struct_size = XLA_FFI_Handler_Register_Args_STRUCT_SIZE;
  args.name = {"BlockhessTerms", 14};
  args.platform = {"Host", 4};
  args.bundle.execute = answer;
  return XLA_FFI_GetApi()->XLA_FFI_Handler_Register(&args) == nullptr;
}
