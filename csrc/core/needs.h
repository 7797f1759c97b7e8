// What a call needs of a term. Outputs of its programs that it does not need are cut, so that a
// backend computes an output exactly where it is there.
#pragma once

#include <vector>

#include "csrc/core/host_device.h"
#include "csrc/core/layout.h"
#include "csrc/core/term.h"

namespace blockhess {

// The results of the forward pass that are asked for or, in the vector-Jacobian product, those
// whose cotangents are given.
struct Results {
  bool value = false;
  bool gradient = false;
  Layout layout = Layout::kNone;

  bool hessian() const { return layout != Layout::kNone; }
};

// Cuts the terms; a norm stays one where it alone makes the blocks. Throws std::invalid_argument
// where a needed output is `none`.
std::vector<Term> forward_parts(const std::vector<Term>& terms, const Results& wanted);

// The intermediate results of formula.h that a vector-Jacobian product needs of a term, and the
// parts of sums that are there.
struct VjpSteps {
  bool u = false;
  bool M_u = false;
  bool M_diagonal = false;  // apart from M u and <M, S>
  bool S_adds_to_t1 = false;
  bool D_adds_to_t1 = false;
  bool t2 = false;
  bool t3 = false;
  bool s_bar = false;
  bool u_bar = false;
  bool S_u_bar = false;
  bool M_adds_to_S_bar = false;
};

// What of a term decides which steps its vector-Jacobian product takes.
struct VjpTerm {
  std::vector<bool> phi;  // for each output whether it is not identically zero; none without phi
  std::vector<bool> psi;
  bool quadratic = false;
};

// The operands of a term whose cotangents are wanted, and whether that of x is.
struct WantedBars {
  bool x = false;
  std::vector<bool> phi_parameters;
  bool S = false;
  bool b = false;
  std::vector<bool> psi_parameters;
};

// The steps, and for each output of phi and psi whether they need it. Of phi itself the program of
// psi decides, which may read s.
struct VjpNeeds {
  VjpSteps steps;
  std::vector<bool> phi;
  std::vector<bool> psi;
};

VjpNeeds vjp_needs(const VjpTerm& term, const Results& given, const WantedBars& wanted);

struct VjpParts {
  std::vector<Term> terms;
  std::vector<VjpSteps> steps;
};

// `wanted` has one flag for x and one for each operand in order. Throws std::invalid_argument where
// their number is another, or a needed output is `none`.
VjpParts vjp_parts(const std::vector<Term>& terms, const Results& given,
                   const std::vector<bool>& wanted);

// Where the three derivatives by parameter p stand among the outputs of a program of a kVjp term.
BLOCKHESS_HOST_DEVICE inline int by_parameter(int p) { return 4 + 3 * p; }

}  // namespace blockhess
