#include "tests/fuzz/target.h"

#include <stdexcept>
#include <string>

#include "csrc/core/evaluate.h"
#include "tests/fuzz/buffer.h"
#include "tests/fuzz/op_call.h"
#include "tests/fuzz/program_text.h"

namespace blockhess::fuzz {

namespace {

void check_program(const Program& program) {
  const std::string text = write_program(program);
  if (text.empty()) return;
  if (write_program(read_program(text, "map")) != text) fail("a program reads back as another");
  evaluate(program, std::vector<double>(program.num_inputs, 0.75));
}

template <typename Read>
void check_reader(const Read& read) {
  try {
    read();
  } catch (const std::invalid_argument&) {
  }
}

void read_text(const std::string& text) {
  check_reader([&] { check_program(read_program(text, "map")); });
  check_reader([&] { check_program(read_map(text)); });
  for (const TermKind kind : {TermKind::kForward, TermKind::kVjp}) {
    check_reader([&] {
      for (const Term& term : read_terms(text, kind)) {
        if (term.phi) check_program(*term.phi);
        check_program(term.psi);
      }
    });
  }
}

std::string compose_text(Choices& choices) {
  std::string text =
      choices.flag() ? compose_map(choices)
                     : compose_terms(choices, choices.flag() ? TermKind::kVjp : TermKind::kForward);
  damage(choices, text);
  return text;
}

}  // namespace
}  // namespace blockhess::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace blockhess::fuzz;
  static Pool pool(3);
  Choices choices(bytes, count);
  switch (choices.below(8)) {
    case 't' % 8:  // A text file is one that begins with t.
      read_text(choices.rest());
      break;
    case 0:
      read_text(compose_text(choices));
      break;
    default:
      call_op(choices, pool);
  }
  return 0;
}
