// Program text: composed from choices, mostly well-formed, and written from a program.
#pragma once

#include <string>

#include "csrc/core/program.h"
#include "csrc/core/term.h"
#include "tests/fuzz/choices.h"

namespace blockhess::fuzz {

std::string compose_program(Choices& choices, int num_inputs, int num_outputs);
std::string compose_map(Choices& choices);
std::string compose_terms(Choices& choices, TermKind kind);

// Cuts, repeats and replaces a few pieces of a text.
void damage(Choices& choices, std::string& text);

// A text that reads back as the same program, or nothing where there are too few registers.
std::string write_program(const Program& program);

}  // namespace blockhess::fuzz
