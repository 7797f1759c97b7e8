// Small helpers of the readers of program and term text.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace blockhess {

inline std::string_view strip(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// The words between spaces.
inline std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = strip(text)).empty()) {
    const size_t length = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

// A decimal number from 0 to `most`, or -1.
inline int read_natural(std::string_view text, int most) {
  if (text.empty() || text.size() > 6) return -1;
  int number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return -1;
    number = 10 * number + (digit - '0');
  }
  return number <= most ? number : -1;
}

// The text for error messages: quoted, shortened, and with control characters replaced.
inline std::string quoted(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string shown(text.substr(0, kLongest));
  for (char& character : shown) {
    const auto code = static_cast<unsigned char>(character);
    if (code < 0x20 || code >= 0x7f) character = '?';
  }
  return "'" + shown + (text.size() > kLongest ? "...'" : "'");
}

}  // namespace blockhess
