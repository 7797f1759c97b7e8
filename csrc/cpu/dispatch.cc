#include "csrc/cpu/dispatch.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace blockhess::cpu {

namespace {

struct Isa {
  const char* name;
  bool (*supported)();
};

bool always() { return true; }

// __builtin_cpu_supports also asks whether the operating system saves the registers.
#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

// The libraries that CMakeLists.txt builds, the best first.
constexpr Isa kIsas[] = {
#if defined(__x86_64__)
    {"avx512", has_avx512},
    {"avx2", has_avx2},
#endif
    {"generic", always},
};

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void require_available(const std::string& isa, const std::string& who) {
  const std::vector<std::string> available = available_isas();
  if (std::find(available.begin(), available.end(), isa) != available.end()) return;
  throw std::runtime_error(who + " asks for the instruction set '" + isa +
                           "', which is not available here; available: " + join(available));
}

std::string own_directory() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&own_directory), &info) == 0) {
    throw std::runtime_error("blockhess cannot find the directory of its own library");
  }
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

const Functions& load(const std::string& isa) {
  const std::string path = own_directory() + "/_cpu_" + isa + ".so";
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  using Entry = decltype(&blockhess_cpu_functions);
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "blockhess_cpu_functions"));
  if (entry == nullptr) throw std::runtime_error(dlerror());
  return *entry();
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : kIsas) {
    if (isa.supported()) names.push_back(isa.name);
  }
  return names;
}

std::string selected_isa() {
  const char* const forced = std::getenv("BLOCKHESS_ISA");
  if (forced == nullptr || *forced == '\0') return available_isas().front();
  require_available(forced, "BLOCKHESS_ISA");
  return forced;
}

const Functions& functions(const std::string& isa) {
  if (isa.empty()) {
    static const Functions& selected = load(selected_isa());
    return selected;
  }
  require_available(isa, "the caller");
  return load(isa);
}

}  // namespace blockhess::cpu
