// What is measured, as lines of JSON: each is on disk before the next is measured.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>

namespace blockhess::bench {

struct Field {
  const char* name;
  std::string json;

  // The texts are names, with nothing in them that JSON would escape.
  Field(const char* name, const char* text) : name(name), json('"' + std::string(text) + '"') {}
  Field(const char* name, int64_t number) : name(name), json(std::to_string(number)) {}
  Field(const char* name, double number) : name(name), json("null") {  // where it is not finite
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", number);
    if (std::isfinite(number)) json = digits;
  }
};

// The file that `record` adds to; null: nowhere.
inline std::FILE*& records() {
  static std::FILE* file = nullptr;
  return file;
}

inline void record(std::initializer_list<Field> fields) {
  if (records() == nullptr) return;
  const char* before = "{";
  for (const Field& field : fields) {
    std::fprintf(records(), "%s\"%s\": %s", before, field.name, field.json.c_str());
    before = ", ";
  }
  std::fputs("}\n", records());
  std::fflush(records());
}

}  // namespace blockhess::bench
