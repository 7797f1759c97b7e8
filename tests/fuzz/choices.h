// The bytes of one input as choices. All are zero behind the end, so that every input means
// something and a short one something simple.
#pragma once

#include <cstdint>
#include <string>

namespace blockhess::fuzz {

class Choices {
 public:
  Choices(const uint8_t* bytes, size_t count) : next_(bytes), end_(bytes + count) {}

  int byte() { return next_ == end_ ? 0 : *next_++; }
  int below(int count) { return byte() % count; }
  bool flag() { return byte() % 2 == 1; }
  // Never for a zero.
  bool once_in(int count) { return byte() % count == 1; }

  template <typename Value, size_t count>
  const Value& of(const Value (&values)[count]) {
    return values[below(static_cast<int>(count))];
  }

  std::string rest() {
    const std::string text(next_, end_);
    next_ = end_;
    return text;
  }

 private:
  const uint8_t *next_, *end_;
};

}  // namespace blockhess::fuzz
