#include "csrc/core/term.h"

#include <stdexcept>
#include <string>

#include "csrc/core/text.h"

namespace blockhess {

namespace {

constexpr std::string_view kVersion = "blockhess 1";

// The next section; `text` keeps what follows its bar.
std::string_view next_section(std::string_view& text) {
  const size_t bar = std::min(text.find('|'), text.size());
  const std::string_view section = strip(text.substr(0, bar));
  text.remove_prefix(std::min(bar + 1, text.size()));
  return section;
}

void read_version(std::string_view& text) {
  const std::string_view version = next_section(text);
  if (version != kVersion) {
    throw std::invalid_argument("this is a program of version " + quoted(version) +
                                "; this build reads version " + quoted(kVersion));
  }
}

// The program in a section "<name> <program>", or nothing where the section has another name.
std::optional<std::string_view> section_body(std::string_view section, std::string_view name) {
  if (section.substr(0, name.size()) != name) return std::nullopt;
  const std::string_view body = section.substr(name.size());
  if (body.empty() || body[0] != ' ') return std::nullopt;
  return strip(body);
}

// `more`: how many outputs there may be beside those of the kind.
void check_outputs(const Program& program, std::string_view subject, TermKind kind, int more = 0) {
  if (program.num_inputs < 1) {
    throw std::invalid_argument(std::string(subject) + " program: has no argument");
  }
  const int expected = kind == TermKind::kForward ? 3 : 4 + 3 * (program.num_inputs - 1);
  const int given = static_cast<int>(program.outputs.size());
  if (given < expected || given > expected + more) {
    throw std::invalid_argument(std::string(subject) + " program: returns " +
                                std::to_string(given) + " outputs; expected " +
                                std::to_string(expected));
  }
}

}  // namespace

Term read_term(std::string_view text, TermKind kind) {
  read_version(text);
  Term term;
  std::string_view section = next_section(text);
  if (const auto body = section_body(section, "phi")) {
    term.phi = read_program(*body, "phi");
    check_outputs(*term.phi, "phi", kind);
    section = next_section(text);
  }
  if (section == "quadratic") {
    term.quadratic = true;
    section = next_section(text);
  }
  if (section == "linear") {
    term.linear = true;
    section = next_section(text);
  }
  const auto body = section_body(section, "psi");
  if (!body) {
    throw std::invalid_argument("unexpected section " + quoted(section) +
                                "; a term has phi, quadratic, linear, psi, in this order, and psi "
                                "is not optional");
  }
  term.psi = read_program(*body, "psi");
  const bool separable = term.phi && !term.quadratic && !term.linear;
  check_outputs(term.psi, "psi", kind, kind == TermKind::kForward && separable ? 1 : 0);
  term.is_norm = kind == TermKind::kForward && term.psi.outputs.size() == 4;
  if (!strip(text).empty()) {
    throw std::invalid_argument("unexpected text after psi: " + quoted(strip(text)));
  }
  return term;
}

std::vector<Term> read_terms(std::string_view text, TermKind kind) {
  if (text.empty()) throw std::invalid_argument("no terms; expected at least one");
  std::vector<Term> terms;
  while (true) {
    const size_t end = text.find('\n');
    try {
      terms.push_back(read_term(text.substr(0, end), kind));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("term " + std::to_string(terms.size()) + ": " + error.what());
    }
    if (end == std::string_view::npos) return terms;
    text.remove_prefix(end + 1);
  }
}

Program read_map(std::string_view text) {
  read_version(text);
  const std::string_view section = next_section(text);
  const auto body = section_body(section, "map");
  if (!body) {
    throw std::invalid_argument("unexpected section " + quoted(section) + "; expected 'map'");
  }
  if (!strip(text).empty()) {
    throw std::invalid_argument("unexpected text after map: " + quoted(strip(text)));
  }
  Program program = read_program(*body, "map");
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    if (program.outputs[i].is_none()) {
      throw std::invalid_argument("map program: output " + std::to_string(i) + " is none");
    }
  }
  return program;
}

}  // namespace blockhess
