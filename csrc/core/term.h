// A term: one instance of the formula psi(sum_k phi(x_ik) + 1/2 x' S x + b' x), as text such as
//
//   blockhess 1 | phi 1: r1 = square r0; return r1 none none | linear | psi 1: ... return r2 r2 r2
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "csrc/core/program.h"

namespace blockhess {

// What the programs of a term return.
enum class TermKind {
  kForward,  // 3 outputs: the function and its first two derivatives; where the term is a norm psi
             // returns one more, t - s of formula::kDominates
  kVjp,      // 4 + 3 P outputs: three derivatives; then for each of the P parameters the derivative
             // by it of the function and of its first two derivatives
};

struct Term {
  std::optional<Program> phi;
  bool quadratic = false;
  bool linear = false;
  Program psi;
  bool is_norm = false;  // psi has one output more: see formula::kDominates

  int num_phi_parameters() const { return phi ? phi->num_inputs - 1 : 0; }
  int num_psi_parameters() const { return psi.num_inputs - 1; }
  // In order: the parameters of phi, S, b, the parameters of psi.
  int num_operands() const {
    return num_phi_parameters() + quadratic + linear + num_psi_parameters();
  }
};

// All throw std::invalid_argument.
Term read_term(std::string_view text, TermKind kind);

// Reads terms, one to a line. An op has them in one string: TensorFlow keys its cache of kernels by
// a summary of a list of strings that leaves out the middle of each, but by the whole of one
// string.
std::vector<Term> read_terms(std::string_view text, TermKind kind);

// Reads "blockhess 1 | map <program>".
Program read_map(std::string_view text);

}  // namespace blockhess
