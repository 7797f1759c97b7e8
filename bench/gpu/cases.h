// The functions of bench/cases.py as terms, in the text that the ops take.
#pragma once

#include <string>
#include <vector>

namespace blockhess::bench {

struct Case {
  const char* name;
  const char* forward;
  const char* vjp;  // of the Hessian blocks, to x
  bool has_S;
};

inline const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"squares",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r2 = constant 2.0; r3 = mul r2 r0; return r1 r3 r2 | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero",
       "blockhess 1 | "
       "phi 1: return zero zero zero zero | "
       "psi 1: r1 = constant 1.0; return none r1 zero zero",
       false},
      {"quadratic",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = constant 1.0; return none r1 zero zero",
       true},
      {"gaussian",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return r1 r2 r1",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return none r2 r1 r2",
       true},
      {"logsumexp",
       "blockhess 1 | "
       "phi 1: r1 = exp r0; return r1 r1 r1 | "
       "psi 1: r1 = log r0; r2 = reciprocal r0; r3 = square r2; r3 = neg r3; return r1 "
       "r2 r3",
       "blockhess 1 | "
       "phi 1: r1 = exp r0; return r1 r1 r1 r1 | "
       "psi 1: r1 = reciprocal r0; r2 = square r1; r3 = neg r2; r2 = mul r1 r2; r4 = "
       "constant 2.0; r2 = mul r4 r2; return none r1 r3 r2",
       false},
      {"sine",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r1 = neg r1; r1 = exp r1; r2 = sin r0; r3 = mul r2 r1; "
       "r4 = softplus r0; r4 = add r4 r3; r5 = mul r0 r1; r6 = mul r2 r5; r7 = constant "
       "2.0; r6 = mul r7 r6; r8 = cos r0; r9 = mul r8 r1; r6 = sub r9 r6; r9 = sigmoid "
       "r0; r6 = add r9 r6; r9 = mul r0 r5; r9 = mul r7 r9; r1 = sub r1 r9; r1 = mul r2 "
       "r1; r2 = mul r8 r5; r1 = add r2 r1; r1 = mul r7 r1; r2 = mul r7 r2; r2 = add r3 "
       "r2; r1 = add r2 r1; r2 = sigmoid_prime r0; r1 = sub r2 r1; return r4 r6 r1 | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r1 = neg r1; r1 = exp r1; r2 = mul r0 r1; r3 = mul r0 "
       "r2; r4 = sub r1 r3; r5 = constant 4.0; r4 = mul r5 r4; r5 = constant 2.0; r6 = "
       "mul r5 r1; r4 = add r6 r4; r4 = mul r0 r4; r6 = sin r0; r4 = mul r6 r4; r3 = "
       "mul r5 r3; r3 = sub r1 r3; r7 = cos r0; r3 = mul r7 r3; r4 = sub r3 r4; r2 = "
       "mul r6 r2; r3 = sub r3 r2; r4 = add r3 r4; r4 = mul r5 r4; r3 = mul r5 r3; r2 = "
       "mul r5 r2; r1 = mul r7 r1; r1 = sub r1 r2; r1 = add r1 r3; r1 = add r1 r4; r2 = "
       "constant 0.5; r2 = mul r2 r0; r2 = tanh r2; r3 = sigmoid_prime r0; r2 = mul r3 "
       "r2; r1 = add r2 r1; r1 = neg r1; return zero zero zero r1 | "
       "psi 1: r1 = constant 1.0; return none r1 zero zero",
       false},
  };
  return all;
}

}  // namespace blockhess::bench
