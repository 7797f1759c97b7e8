// Chooses the library of the best instruction set that this processor has.
#pragma once

#include <string>
#include <vector>

#include "csrc/cpu/functions.h"

namespace blockhess::cpu {

// The instruction sets that were built and that this processor supports, the best first.
std::vector<std::string> available_isas();

// The best one, or the one that the environment variable BLOCKHESS_ISA names.
// Throws std::runtime_error where that is not available.
std::string selected_isa();

// Loads the library of an instruction set, found beside the library that holds this code; an empty
// name means selected_isa(). Throws std::runtime_error.
const Functions& functions(const std::string& isa = "");

}  // namespace blockhess::cpu
