// What is checked and timed, as terms in the text that the ops take: the functions of
// bench/cases.py, and terms with every part and parameter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace blockhess::bench {

// What is timed: rows of so many columns, as many as have dense blocks of so many bytes, which is
// well past any cache.
inline constexpr int64_t kTimedColumns[] = {8, 32, 128};
inline constexpr int64_t kTimedBytes = int64_t{512} << 20;

struct Case {
  const char* name;
  const char* forward;
  const char* vjp;
  // The operands' shapes: "1", "K", "N", "N1", "NK", "KK", "NKK".
  std::vector<std::string> operands;
  bool is_timed;
};

// a sin(b x), with its derivatives by x and, for the vector-Jacobian product, by a and b.
#define BLOCKHESS_WAVE                                                                            \
  "3: r3 = mul r2 r0; r4 = sin r3; r4 = mul r1 r4; r5 = cos r3; r5 = mul r1 r5; r5 = mul r2 r5; " \
  "r6 = mul r4 r2; r6 = mul r6 r2; r6 = neg r6; return r4 r5 r6"
#define BLOCKHESS_WAVE_VJP                                                                        \
  "3: r3 = mul r2 r0; r4 = sin r3; r5 = cos r3; r6 = mul r1 r2; r7 = mul r1 r4; r8 = mul r6 r5; " \
  "r9 = mul r6 r2; r10 = mul r9 r4; r10 = neg r10; r11 = mul r9 r2; r11 = mul r11 r5; "           \
  "r11 = neg r11; r12 = mul r2 r5; r13 = mul r2 r2; r13 = mul r13 r4; r13 = neg r13; "            \
  "r14 = mul r1 r0; r14 = mul r14 r5; r15 = mul r1 r5; r16 = mul r6 r0; r16 = mul r16 r4; "       \
  "r15 = sub r15 r16; r17 = mul r6 r4; r17 = add r17 r17; r17 = neg r17; r18 = mul r9 r0; "       \
  "r18 = mul r18 r5; r17 = sub r17 r18; return r7 r8 r10 r11 r4 r12 r13 r14 r15 r17"

inline const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"squares",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r2 = constant 2.0; r3 = mul r2 r0; return r1 r3 r2 | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r2 = constant 2.0; r3 = mul r2 r0; return r1 r3 r2 zero | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero zero",
       {},
       true},
      {"quadratic",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero zero",
       {"KK"},
       true},
      {"gaussian",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return r1 r2 r1",
       "blockhess 1 | "
       "quadratic | "
       "psi 1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return r1 r2 r1 r2",
       {"KK"},
       true},
      {"logsumexp",
       "blockhess 1 | "
       "phi 1: r1 = exp r0; return r1 r1 r1 | "
       "psi 1: r1 = log r0; r2 = reciprocal r0; r3 = square r2; r3 = neg r3; return r1 "
       "r2 r3 zero",
       "blockhess 1 | "
       "phi 1: r1 = exp r0; return r1 r1 r1 r1 | "
       "psi 1: r1 = reciprocal r0; r2 = square r1; r3 = neg r2; r2 = mul r1 r2; r4 = "
       "constant 2.0; r2 = mul r4 r2; return none r1 r3 r2",
       {},
       true},
      {"sine",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r1 = neg r1; r1 = exp r1; r2 = sin r0; r3 = cos r0; r4 = "
       "mul r2 r1; r5 = softplus r0; r5 = add r5 r4; r6 = mul r0 r1; r7 = mul r2 r6; r8 = "
       "constant 2.0; r7 = mul r8 r7; r9 = mul r3 r1; r7 = sub r9 r7; r9 = sigmoid r0; r7 "
       "= add r9 r7; r9 = mul r0 r6; r9 = mul r8 r9; r1 = sub r1 r9; r1 = mul r2 r1; r2 = "
       "mul r3 r6; r1 = add r2 r1; r1 = mul r8 r1; r2 = mul r8 r2; r2 = add r4 r2; r1 = "
       "add r2 r1; r2 = sigmoid_prime r0; r1 = sub r2 r1; return r5 r7 r1 | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero",
       "blockhess 1 | "
       "phi 1: r1 = square r0; r1 = neg r1; r1 = exp r1; r2 = sin r0; r3 = mul r2 r1; r4 "
       "= softplus r0; r4 = add r4 r3; r5 = mul r0 r1; r6 = mul r2 r5; r7 = constant "
       "2.0; r6 = mul r7 r6; r8 = cos r0; r9 = mul r8 r1; r6 = sub r9 r6; r9 = sigmoid "
       "r0; r6 = add r9 r6; r9 = mul r0 r5; r9 = mul r7 r9; r1 = sub r1 r9; r1 = mul r2 "
       "r1; r2 = mul r8 r5; r1 = add r2 r1; r1 = mul r7 r1; r2 = mul r7 r2; r2 = add r3 "
       "r2; r1 = add r2 r1; r2 = sigmoid_prime r0; r1 = sub r2 r1; r10 = square r0; r10 "
       "= neg r10; r10 = exp r10; r11 = mul r0 r10; r12 = mul r0 r11; r13 = sub r10 r12; "
       "r14 = constant 4.0; r13 = mul r14 r13; r14 = constant 2.0; r15 = mul r14 r10; "
       "r13 = add r15 r13; r13 = mul r0 r13; r15 = sin r0; r13 = mul r15 r13; r12 = mul "
       "r14 r12; r12 = sub r10 r12; r16 = cos r0; r12 = mul r16 r12; r13 = sub r12 r13; "
       "r11 = mul r15 r11; r12 = sub r12 r11; r13 = add r12 r13; r13 = mul r14 r13; r12 "
       "= mul r14 r12; r11 = mul r14 r11; r10 = mul r16 r10; r10 = sub r10 r11; r10 = "
       "add r10 r12; r10 = add r10 r13; r11 = constant 0.5; r11 = mul r11 r0; r11 = tanh "
       "r11; r12 = sigmoid_prime r0; r11 = mul r12 r11; r10 = add r11 r10; r10 = neg "
       "r10; return r4 r6 r1 r10 | "
       "psi 1: r1 = constant 1.0; return r0 r1 zero zero",
       {},
       true},
      {"all parts",
       "blockhess 1 | phi " BLOCKHESS_WAVE " | quadratic | linear | psi " BLOCKHESS_WAVE,
       "blockhess 1 | phi " BLOCKHESS_WAVE_VJP " | quadratic | linear | psi " BLOCKHESS_WAVE_VJP,
       {"1", "K", "KK", "K", "1", "N"},
       false},
      {"of rows",
       "blockhess 1 | phi " BLOCKHESS_WAVE " | quadratic | linear | psi " BLOCKHESS_WAVE,
       "blockhess 1 | phi " BLOCKHESS_WAVE_VJP " | quadratic | linear | psi " BLOCKHESS_WAVE_VJP,
       {"NK", "N1", "NKK", "NK", "N", "1"},
       false},
  };
  return all;
}
#undef BLOCKHESS_WAVE
#undef BLOCKHESS_WAVE_VJP

}  // namespace blockhess::bench
