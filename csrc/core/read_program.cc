// The reader of program text.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string>

#include "csrc/core/program.h"
#include "csrc/core/text.h"

namespace blockhess {

namespace {

constexpr int kUnwritten = -1;

class Reader {
 public:
  Reader(std::string_view text, std::string_view subject) : subject_(subject), rest_(text) {
    slots_.fill(kUnwritten);
  }

  Program read() {
    read_inputs();
    while (true) {
      const size_t semicolon = rest_.find(';');
      const std::string_view statement = strip(rest_.substr(0, semicolon));
      if (semicolon == std::string_view::npos) {
        read_outputs(statement);
        break;
      }
      const std::vector<std::string_view> words = split(statement);
      if (!words.empty() && words[0] == "return") fail("text after 'return'");
      read_instruction(words);
      rest_.remove_prefix(semicolon + 1);
    }
    number_slots();
    return std::move(program_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument(std::string(subject_) + " program: " + what);
  }

  [[noreturn]] void fail_at(std::string_view name, const std::string& what) const {
    fail("instruction " + std::to_string(position_) + " (" + quoted(name) + "): " + what);
  }

  void read_inputs() {
    const size_t colon = rest_.find(':');
    if (colon == std::string_view::npos) fail("expected '<inputs>: ' at the start");
    const std::string_view count = strip(rest_.substr(0, colon));
    program_.num_inputs = read_natural(count, kMaxInputs);
    if (program_.num_inputs < 0) {
      fail("expected a number of inputs from 0 to " + std::to_string(kMaxInputs) + ", got " +
           quoted(count));
    }
    for (int i = 0; i < program_.num_inputs; ++i) slots_[i] = i;
    rest_.remove_prefix(colon + 1);
  }

  // r<d> = <name> r<a> [r<b> [r<c>]]   or   r<d> = constant <literal>
  void read_instruction(const std::vector<std::string_view>& words) {
    if (position_ >= kMaxInstructions) {
      fail("more than " + std::to_string(kMaxInstructions) + " instructions");
    }
    const std::string_view name = words.size() > 2 ? words[2] : words.empty() ? "" : words[0];
    if (words.size() < 3 || words[1] != "=") {
      fail_at(name, "expected 'r<number> = <name> <arguments>'");
    }
    const int out = read_register(words[0], name);
    if (out < program_.num_inputs) {
      fail_at(name, "overwrites the input " + quoted(words[0]));
    }
    if (name == "constant") {
      read_constant(out, words);
    } else {
      read_call(out, words);
    }
    ++position_;
  }

  void read_constant(int out, const std::vector<std::string_view>& words) {
    if (words.size() != 4) fail_at("constant", "expected one number");
    // from_chars, unlike strtod, does not depend on the locale.
    const std::string_view literal = words[3];
    double value = 0;
    const char* const end = literal.data() + literal.size();
    const auto [stopped, error] = std::from_chars(literal.data(), end, value);
    if (stopped != end || error != std::errc()) {
      fail_at("constant", quoted(literal) + " is not a number");
    }
    slots_[out] = constant_slot(value);
  }

  // Equal bit patterns share a slot: 0.0 and -0.0 differ, a NaN equals itself.
  int constant_slot(double value) {
    auto& constants = program_.constants;
    const auto same = [value](double other) {
      return std::memcmp(&value, &other, sizeof(double)) == 0;
    };
    const auto found = std::find_if(constants.begin(), constants.end(), same);
    const int index = static_cast<int>(found - constants.begin());
    if (found == constants.end()) constants.push_back(value);
    return kFirstConstant + index;
  }

  void read_call(int out, const std::vector<std::string_view>& words) {
    const std::string_view name = words[2];
    const std::optional<Opcode> opcode = find_opcode(name);
    if (!opcode) fail_at(name, "unknown");
    const int arity = info(*opcode).arity;
    const int given = static_cast<int>(words.size()) - 3;
    if (given != arity) {
      fail_at(name, "takes " + std::to_string(arity) + " arguments, got " + std::to_string(given));
    }
    uint16_t arguments[3] = {0, 0, 0};
    for (int i = 0; i < arity; ++i) arguments[i] = read_written_register(words[3 + i], name);
    slots_[out] = kFirstRegister + out;
    program_.instructions.push_back(
        {*opcode, static_cast<uint16_t>(slots_[out]), arguments[0], arguments[1], arguments[2]});
  }

  int read_register(std::string_view word, std::string_view name) const {
    const int number =
        !word.empty() && word[0] == 'r' ? read_natural(word.substr(1), kMaxRegisters - 1) : -1;
    if (number < 0) {
      fail_at(name, quoted(word) + " is not a register; expected r0 to r" +
                        std::to_string(kMaxRegisters - 1));
    }
    return number;
  }

  uint16_t read_written_register(std::string_view word, std::string_view name) const {
    const int slot = slots_[read_register(word, name)];
    if (slot == kUnwritten) fail_at(name, "reads " + quoted(word) + ", which nothing has written");
    return static_cast<uint16_t>(slot);
  }

  void read_outputs(std::string_view statement) {
    const std::vector<std::string_view> words = split(statement);
    if (words.empty() || words[0] != "return") {
      fail("expected 'return' and outputs at the end, got " + quoted(statement));
    }
    if (words.size() < 2) fail("'return' without outputs");
    if (words.size() - 1 > kMaxOutputs) {
      fail("more than " + std::to_string(kMaxOutputs) + " outputs");
    }
    for (size_t i = 1; i < words.size(); ++i) {
      Output output;
      if (words[i] == "zero") {
        output.kind = Output::Kind::kZero;
      } else if (words[i] != "none") {
        output.kind = Output::Kind::kSlot;
        output.slot = read_written_register(words[i], "return");
      }
      program_.outputs.push_back(output);
    }
  }

  // While reading, a slot of a constant or register carries an offset that no other slot reaches;
  // now their number is known, close the gaps.
  void number_slots() {
    const int num_constants = static_cast<int>(program_.constants.size());
    std::vector<int> register_slots(kMaxRegisters, kUnwritten);
    int next = program_.num_inputs + num_constants;
    const auto renumber = [&](uint16_t slot) -> uint16_t {
      if (slot < kFirstConstant) return slot;
      if (slot < kFirstRegister) return program_.num_inputs + (slot - kFirstConstant);
      int& number = register_slots[slot - kFirstRegister];
      if (number == kUnwritten) number = next++;
      return static_cast<uint16_t>(number);
    };
    for (Instruction& instruction : program_.instructions) {
      instruction.a = renumber(instruction.a);
      instruction.b = renumber(instruction.b);
      instruction.c = renumber(instruction.c);
      instruction.out = renumber(instruction.out);
    }
    for (Output& output : program_.outputs) {
      if (output.is_slot()) output.slot = renumber(output.slot);
    }
    program_.num_slots = next;
  }

  static constexpr int kFirstConstant = kMaxInputs;
  static constexpr int kFirstRegister = kFirstConstant + kMaxInstructions;

  std::string_view subject_;
  std::string_view rest_;
  int position_ = 0;
  std::array<int, kMaxRegisters> slots_;  // of what each register holds now
  Program program_;
};

}  // namespace

Program read_program(std::string_view text, std::string_view subject) {
  return Reader(text, subject).read();
}

}  // namespace blockhess
