#include "tests/fuzz/program_text.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "csrc/core/instruction.h"

namespace blockhess::fuzz {

namespace {

std::string reg(int number) { return "r" + std::to_string(number); }

const char* const kLiterals[] = {"1",   "0",    "-1",   "0.5",   "2",      "-0.0",  "3",
                                 "nan", "inf",  "-inf", "1e308", "1e-310", "1e-45", "-7.25",
                                 "170", "1e10", "1e39", "1e999", "0x1p3",  "x"};

class Composer {
 public:
  Composer(Choices& choices, int num_inputs) : choices_(choices), num_inputs_(num_inputs) {
    for (int i = 0; i < num_inputs; ++i) written_.push_back(i);
    text_ = std::to_string(num_inputs) + ": ";
  }

  void add_instruction() {
    const int opcode = choices_.below(kNumOpcodes + 4);
    const int out = choose_register();
    std::string call = " = constant ";
    if (opcode >= kNumOpcodes || written_.empty()) {
      call += choices_.of(kLiterals);
    } else {
      const InstructionInfo& info = kInstructions[opcode];
      call = std::string(" = ") + info.name;
      for (int i = 0; i < info.arity; ++i) call += " " + read();
    }
    text_ += reg(out) + call + "; ";
    if (std::find(written_.begin(), written_.end(), out) == written_.end()) {
      written_.push_back(out);
    }
  }

  std::string finish(int num_outputs) {
    text_ += "return";
    for (int i = 0; i < num_outputs; ++i) {
      const int kind = choices_.byte();
      text_ += kind == 255 ? " none" : kind % 5 == 4 || written_.empty() ? " zero" : " " + read();
    }
    return text_;
  }

 private:
  int choose_register() { return num_inputs_ + choices_.below(24); }
  // The last that were written more often than the first.
  std::string read() {
    const int back = choices_.below(static_cast<int>(written_.size()));
    return reg(written_[written_.size() - 1 - back]);
  }

  Choices& choices_;
  int num_inputs_;
  std::vector<int> written_;
  std::string text_;
};

}  // namespace

std::string compose_program(Choices& choices, int num_inputs, int num_outputs) {
  Composer composer(choices, num_inputs);
  const int length = choices.once_in(64) ? choices.byte() + 8 : choices.below(10);
  for (int i = 0; i < length; ++i) composer.add_instruction();
  return composer.finish(num_outputs);
}

std::string compose_map(Choices& choices) {
  const int num_inputs = choices.once_in(32) ? choices.byte() : choices.below(4);
  const int num_outputs = choices.once_in(32) ? 4 * choices.byte() + 8 : 1 + choices.below(3);
  return "blockhess 1 | map " + compose_program(choices, num_inputs, num_outputs);
}

std::string compose_terms(Choices& choices, TermKind kind) {
  const int num_terms = 1 + (choices.once_in(3) ? choices.below(4) : 0);
  const auto num_outputs = [kind](int num_parameters) {
    return kind == TermKind::kForward ? 3 : 4 + 3 * num_parameters;
  };
  std::string text;
  for (int t = 0; t < num_terms; ++t) {
    const int parts = choices.byte(), parameters = choices.byte();
    const int of_phi = parameters % 3, of_psi = parameters / 3 % 3;
    text += t > 0 ? "\nblockhess 1" : "blockhess 1";
    if (parts % 4 != 3)
      text += " | phi " + compose_program(choices, 1 + of_phi, num_outputs(of_phi));
    if (parts / 4 % 2) text += " | quadratic";
    if (parts / 8 % 2) text += " | linear";
    text += " | psi " + compose_program(choices, 1 + of_psi, num_outputs(of_psi));
  }
  return text;
}

void damage(Choices& choices, std::string& text) {
  static const char* const kTokens[] = {"r0",   "r255", "r256", ";",    ":",     "|",
                                        "=",    " ",    "phi ", "psi ", "map ",  "return ",
                                        "none", "zero", "\n",   "65: ", "exp ",  "blockhess 1",
                                        "nan",  "-",    "add ", "1e5",  "linear"};
  const int count = choices.below(4);
  for (int i = 0; i < count && !text.empty(); ++i) {
    const size_t at = (choices.byte() * 256 + choices.byte()) % text.size();
    const size_t length = choices.byte();
    switch (choices.below(4)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(at, length));
        break;
      case 2:
        text.insert(at, choices.of(kTokens));
        break;
      default:
        text[at] = static_cast<char>(length);
    }
  }
}

std::string write_program(const Program& program) {
  if (program.num_slots > kMaxRegisters) return {};
  std::string text = std::to_string(program.num_inputs) + ": ";
  for (size_t i = 0; i < program.constants.size(); ++i) {
    char literal[64];
    const auto end = std::to_chars(literal, literal + sizeof(literal), program.constants[i]).ptr;
    text += reg(program.num_inputs + static_cast<int>(i)) + " = constant " +
            std::string(literal, end) + "; ";
  }
  for (const Instruction& step : program.instructions) {
    const InstructionInfo& info = kInstructions[static_cast<int>(step.opcode)];
    const int arguments[] = {step.a, step.b, step.c};
    text += reg(step.out) + " = " + info.name;
    for (int i = 0; i < info.arity; ++i) text += " " + reg(arguments[i]);
    text += "; ";
  }
  text += "return";
  for (const Output& output : program.outputs) {
    text += output.is_zero() ? " zero" : output.is_none() ? " none" : " " + reg(output.slot);
  }
  return text;
}

}  // namespace blockhess::fuzz
