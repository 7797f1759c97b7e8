// The attributes of an op, wherever they are kept: in a TensorFlow node or in a custom call of XLA.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace blockhess {

// Every function throws std::invalid_argument where there is no attribute of this name and type.
class Attributes {
 public:
  virtual ~Attributes() = default;
  virtual std::string text(const std::string& name) const = 0;
  virtual bool flag(const std::string& name) const = 0;
  virtual std::vector<bool> flags(const std::string& name) const = 0;
  virtual int64_t integer(const std::string& name) const = 0;
};

}  // namespace blockhess
