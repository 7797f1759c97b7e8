# The sources of the core, and of what the CPU backend has beside the CUDA backend.
set(BLOCKHESS_ROOT ${CMAKE_CURRENT_LIST_DIR}/..)
set(BLOCKHESS_CORE_SOURCES
  ${BLOCKHESS_ROOT}/csrc/core/instruction.cc
  ${BLOCKHESS_ROOT}/csrc/core/needs.cc
  ${BLOCKHESS_ROOT}/csrc/core/operands.cc
  ${BLOCKHESS_ROOT}/csrc/core/program.cc
  ${BLOCKHESS_ROOT}/csrc/core/read_program.cc
  ${BLOCKHESS_ROOT}/csrc/core/term.cc)
set(BLOCKHESS_FORMULA_SOURCES
  ${BLOCKHESS_ROOT}/csrc/cpu/blocks.cc
  ${BLOCKHESS_ROOT}/csrc/cpu/evaluator.cc
  ${BLOCKHESS_ROOT}/csrc/cpu/map.cc
  ${BLOCKHESS_ROOT}/csrc/cpu/term_tile.cc
  ${BLOCKHESS_ROOT}/csrc/cpu/terms.cc
  ${BLOCKHESS_ROOT}/csrc/cpu/terms_vjp.cc)
