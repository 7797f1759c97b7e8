# The CPU backend, compiled once per instruction set, each a small library of its own: two copies of
# an inline function with different -m flags must never meet in one link. csrc/cpu/dispatch.cc loads
# one of them. Defines BLOCKHESS_CPU_LIBRARIES. TENSORFLOW_INCLUDE is where Eigen is.
include(${CMAKE_CURRENT_LIST_DIR}/sources.cmake)
set(BLOCKHESS_CPU_SOURCES
  ${BLOCKHESS_FORMULA_SOURCES}
  ${BLOCKHESS_ROOT}/csrc/cpu/library.cc
  ${BLOCKHESS_ROOT}/csrc/cpu/newton.cc)

set(BLOCKHESS_CPU_LIBRARIES "")
function(add_cpu_library isa)
  set(target _cpu_${isa})
  add_library(${target} MODULE ${BLOCKHESS_CPU_SOURCES}
    ${BLOCKHESS_ROOT}/csrc/core/program.cc)
  target_include_directories(${target} SYSTEM PRIVATE ${TENSORFLOW_INCLUDE})  # for Eigen
  target_precompile_headers(${target} PRIVATE ${BLOCKHESS_ROOT}/csrc/cpu/pack.h)
  # No errno and no floating-point traps: what lets sqrt and comparisons be vectorised. All else of
  # -ffast-math stays off, NaN and infinity keep their meaning.
  target_compile_options(${target} PRIVATE -O3 -fno-math-errno -fno-trapping-math ${ARGN})
  # Both are false alarms: GCC bug 105593 in its AVX-512 headers, and loops over a K of any size.
  target_compile_options(${target} PRIVATE
    -Wno-uninitialized -Wno-maybe-uninitialized -Wno-aggressive-loop-optimizations)
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${BLOCKHESS_ROOT}/csrc/cpu/exports.map)
  set_target_properties(${target} PROPERTIES PREFIX "" SUFFIX ".so"
    LINK_DEPENDS ${BLOCKHESS_ROOT}/csrc/cpu/exports.map)
  set(BLOCKHESS_CPU_LIBRARIES ${BLOCKHESS_CPU_LIBRARIES} ${target} PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  # BLOCKHESS_GENERIC_FIXED_SIZES is set by a build with a sanitizer alone.
  # Few processors are so old that they run this set: it has no code for one K alone, and is compiled
  # faster.
  add_cpu_library(generic -O2 -msse4.2 -DBLOCKHESS_FIXED_SIZES=${BLOCKHESS_GENERIC_FIXED_SIZES})
  add_cpu_library(avx2 -mavx2 -mfma)
  add_cpu_library(avx512 -mavx2 -mfma -mavx512f -mavx512dq -mavx512bw -mavx512vl)
else()
  add_cpu_library(generic)
endif()
