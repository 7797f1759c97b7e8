// What a call needs of a term. Outputs of its programs that it does not need are cut, so that a
// backend computes an output exactly where it is there.
#pragma once

#include <vector>

#include "csrc/core/layout.h"
#include "csrc/core/term.h"

namespace blockhess {

// The results of the forward pass that are asked for or, in the vector-Jacobian product, those whose
// cotangents are given.
struct Results {
  bool value = false;
  bool gradient = false;
  Layout layout = Layout::kNone;

  bool hessian() const { return layout != Layout::kNone; }
};

// The operands of a term whose cotangents are wanted, and whether that of x is.
struct WantedBars {
  bool x = false;
  std::vector<bool> phi_parameters;
  bool S = false;
  bool b = false;
  std::vector<bool> psi_parameters;
};

// Of every term, from one flag for x and one for each operand in order. Throws std::invalid_argument
// where their number is another.
std::vector<WantedBars> wanted_bars(const std::vector<Term>& terms,
                                    const std::vector<bool>& wanted);

// Throws std::invalid_argument where a needed output is `none`.
Term forward_part(const Term& term, const Results& wanted);

// The intermediate results of formula.h that a vector-Jacobian product needs.
struct VjpSteps {
  bool u = false;
  bool M_u = false;
  bool t1 = false;
  bool t2 = false;
  bool t3 = false;
  bool s_bar = false;
  bool u_bar = false;
};

VjpSteps vjp_steps(const Term& term, const Results& given, const WantedBars& wanted);

// Throws std::invalid_argument where a needed output is `none`.
Term vjp_part(const Term& term, const Results& given, const WantedBars& wanted);

// Where the three derivatives by parameter p stand among the outputs of a program of a kVjp term.
inline int by_parameter(int p) { return 4 + 3 * p; }

}  // namespace blockhess
