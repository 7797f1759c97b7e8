#include "csrc/core/needs.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace blockhess {

namespace {

// Whether an output is not identically zero.
bool contributes(const Program& program, int index) { return !program.outputs[index].is_zero(); }
bool contributes(const std::optional<Program>& program, int index) {
  return program && contributes(*program, index);
}

std::vector<bool> contributions(const Program& program) {
  std::vector<bool> flags;
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    flags.push_back(contributes(program, static_cast<int>(i)));
  }
  return flags;
}

bool contributes(const std::vector<bool>& outputs, int index) {
  return !outputs.empty() && outputs[index];
}

// Whether the derivative number `order` of a function by a wanted parameter contributes.
bool any_contributes(const std::vector<bool>& outputs, const std::vector<bool>& wanted, int order) {
  for (size_t p = 0; p < wanted.size(); ++p) {
    if (wanted[p] && contributes(outputs, by_parameter(static_cast<int>(p)) + order)) return true;
  }
  return false;
}

bool has_D(const Term& term) { return contributes(term.phi, 2); }
bool has_S_or_D(const VjpTerm& term) { return term.quadratic || contributes(term.phi, 2); }

// Whether there is a psi' M.
bool has_scaled_M(const VjpTerm& term, const Results& given) {
  return given.hessian() && contributes(term.psi, 1);
}

Program cut(const Program& program, const std::vector<bool>& needed, std::string_view subject) {
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i] && program.outputs[i].is_none()) {
      throw std::invalid_argument(std::string(subject) + " program: output " + std::to_string(i) +
                                  " is none, but this call needs it");
    }
  }
  return program.restricted_to(needed);
}

std::vector<bool> needed_of_psi(const VjpTerm& term, const VjpSteps& steps, const Results& given,
                                const WantedBars& wanted) {
  const bool M = given.hessian(), S_or_D = has_S_or_D(term);
  std::vector<bool> needed(term.psi.size(), false);
  needed[1] = (steps.s_bar && given.value) || (steps.u_bar && given.gradient) ||
              (M && ((wanted.x && contributes(term.phi, 3)) || wanted.S ||
                     any_contributes(term.phi, wanted.phi_parameters, 2)));
  needed[2] = (steps.s_bar && ((M && S_or_D) || given.gradient)) || (steps.u_bar && M);
  needed[3] = steps.s_bar && M;
  for (size_t q = 0; q < wanted.psi_parameters.size(); ++q) {
    if (!wanted.psi_parameters[q]) continue;
    const int first = by_parameter(static_cast<int>(q));
    needed[first] = given.value;
    needed[first + 1] = (M && S_or_D) || given.gradient;
    needed[first + 2] = M;
  }
  return needed;
}

// But for phi itself, which psi may read.
std::vector<bool> needed_of_phi(const VjpTerm& term, const VjpSteps& steps, const Results& given,
                                const WantedBars& wanted) {
  const bool scaled_M = has_scaled_M(term, given);
  std::vector<bool> needed(term.phi.size(), false);
  if (needed.empty()) return needed;
  needed[1] = steps.u;
  needed[2] = steps.D_adds_to_t1 || (wanted.x && steps.u_bar);
  needed[3] = wanted.x && scaled_M;
  for (size_t p = 0; p < wanted.phi_parameters.size(); ++p) {
    if (!wanted.phi_parameters[p]) continue;
    const int first = by_parameter(static_cast<int>(p));
    needed[first] = steps.s_bar;
    needed[first + 1] = steps.u_bar;
    needed[first + 2] = scaled_M;
  }
  return needed;
}

std::vector<WantedBars> wanted_bars(const std::vector<Term>& terms,
                                    const std::vector<bool>& wanted) {
  size_t expected = 1;
  for (const Term& term : terms) expected += term.num_operands();
  if (wanted.size() != expected) {
    throw std::invalid_argument("wanted has " + std::to_string(wanted.size()) +
                                " flags; expected " + std::to_string(expected) +
                                ", for x and every operand");
  }
  auto next = wanted.begin() + 1;
  const auto take = [&](int count) {
    const std::vector<bool> flags(next, next + count);
    next += count;
    return flags;
  };
  std::vector<WantedBars> bars;
  for (const Term& term : terms) {
    WantedBars of_term;
    of_term.x = wanted[0];
    of_term.phi_parameters = take(term.num_phi_parameters());
    of_term.S = term.quadratic && take(1)[0];
    of_term.b = term.linear && take(1)[0];
    of_term.psi_parameters = take(term.num_psi_parameters());
    bars.push_back(of_term);
  }
  return bars;
}

bool has_block(const Term& term) {
  const bool S_or_D = term.quadratic || has_D(term);
  return (S_or_D && contributes(term.psi, 1)) || contributes(term.psi, 2);
}

// `alone`: no other term has blocks.
Term forward_part(const Term& term, const Results& wanted, bool alone) {
  const bool hessian = wanted.hessian();
  const bool S_or_D = term.quadratic || has_D(term);
  Term part = term;
  part.is_norm = term.is_norm && hessian && alone && has_D(term) && contributes(term.psi, 2);
  std::vector<bool> needed = {wanted.value, wanted.gradient || (hessian && S_or_D), hessian};
  needed.resize(term.psi.outputs.size(), part.is_norm);
  part.psi = cut(term.psi, needed, "psi");
  part.is_norm = part.is_norm && part.psi.reads_input(0);
  if (term.phi) {
    const bool needs_u =
        (wanted.gradient && contributes(term.psi, 1)) || (hessian && contributes(term.psi, 2));
    const bool needs_D = hessian && contributes(term.psi, 1);
    part.phi = cut(*term.phi, {part.psi.reads_input(0), needs_u, needs_D}, "phi");
  }
  return part;
}

VjpSteps vjp_steps(const VjpTerm& term, const Results& given, const WantedBars& wanted) {
  const bool M = given.hessian(), S_or_D = has_S_or_D(term);
  const auto by_psi = [&](int order) {
    return any_contributes(term.psi, wanted.psi_parameters, order);
  };
  const bool s_bar_vanishes = !(given.value && contributes(term.psi, 1)) &&
                              !(((M && S_or_D) || given.gradient) && contributes(term.psi, 2)) &&
                              !(M && contributes(term.psi, 3));
  const bool u_bar_vanishes =
      !(given.gradient && contributes(term.psi, 1)) && !(M && contributes(term.psi, 2));
  VjpSteps steps;
  steps.s_bar = !s_bar_vanishes && (wanted.x || wanted.S || wanted.b ||
                                    any_contributes(term.phi, wanted.phi_parameters, 0));
  steps.u_bar = !u_bar_vanishes && ((wanted.x && S_or_D) || wanted.S || wanted.b ||
                                    any_contributes(term.phi, wanted.phi_parameters, 1));
  const bool psi2_in_s_bar = steps.s_bar && contributes(term.psi, 2);
  const bool t1 = M && (psi2_in_s_bar || by_psi(1));
  steps.S_adds_to_t1 = t1 && term.quadratic;
  steps.D_adds_to_t1 = t1 && contributes(term.phi, 2);
  steps.t2 = M && ((steps.s_bar && contributes(term.psi, 3)) || by_psi(2));
  steps.t3 = given.gradient && (psi2_in_s_bar || by_psi(1));
  steps.M_u = steps.t2 || (M && steps.u_bar && contributes(term.psi, 2));
  steps.u = steps.M_u || steps.t3 || (wanted.x && steps.s_bar);
  steps.S_u_bar = wanted.x && term.quadratic && steps.u_bar;
  const bool scaled_M = has_scaled_M(term, given);
  steps.M_adds_to_S_bar = wanted.S && scaled_M;
  steps.M_diagonal =
      steps.D_adds_to_t1 || (scaled_M && ((wanted.x && contributes(term.phi, 3)) ||
                                          any_contributes(term.phi, wanted.phi_parameters, 2)));
  return steps;
}

VjpTerm vjp_term(const Term& term) {
  return {term.phi ? contributions(*term.phi) : std::vector<bool>(), contributions(term.psi),
          term.quadratic};
}

Term vjp_part(const Term& term, const VjpNeeds& needs) {
  Term part = term;
  part.psi = cut(term.psi, needs.psi, "psi");
  if (term.phi) {
    std::vector<bool> needed = needs.phi;
    needed[0] = part.psi.reads_input(0);
    part.phi = cut(*term.phi, needed, "phi");
  }
  return part;
}

// Runs `cut_term` for every term and says in its errors which term it was.
template <typename CutTerm>
void for_each_term(size_t count, CutTerm cut_term) {
  for (size_t t = 0; t < count; ++t) {
    try {
      cut_term(t);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("term " + std::to_string(t) + ": " + error.what());
    }
  }
}

}  // namespace

std::vector<Term> forward_parts(const std::vector<Term>& terms, const Results& wanted) {
  const bool alone = std::count_if(terms.begin(), terms.end(), has_block) == 1;
  std::vector<Term> parts;
  for_each_term(terms.size(),
                [&](size_t t) { parts.push_back(forward_part(terms[t], wanted, alone)); });
  return parts;
}

VjpNeeds vjp_needs(const VjpTerm& term, const Results& given, const WantedBars& wanted) {
  const VjpSteps steps = vjp_steps(term, given, wanted);
  return {steps, needed_of_phi(term, steps, given, wanted),
          needed_of_psi(term, steps, given, wanted)};
}

VjpParts vjp_parts(const std::vector<Term>& terms, const Results& given,
                   const std::vector<bool>& wanted) {
  const std::vector<WantedBars> bars = wanted_bars(terms, wanted);
  VjpParts parts;
  for_each_term(terms.size(), [&](size_t t) {
    const VjpNeeds needs = vjp_needs(vjp_term(terms[t]), given, bars[t]);
    parts.steps.push_back(needs.steps);
    parts.terms.push_back(vjp_part(terms[t], needs));
  });
  return parts;
}

}  // namespace blockhess
