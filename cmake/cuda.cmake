# Whether a CUDA compiler is here, and its version, for the build facts. Defines BLOCKHESS_HAS_CUDA
# (the CUDA backend is in this build), BLOCKHESS_CUDA_ARCHS (separated by spaces) and
# BLOCKHESS_NVCC_VERSION (empty: no nvcc).
option(BLOCKHESS_CUDA "Build the CUDA backend where nvcc is found" ON)
set(BLOCKHESS_HAS_CUDA false)
set(BLOCKHESS_CUDA_ARCHS "")
set(BLOCKHESS_NVCC_VERSION "")

if(BLOCKHESS_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
endif()
if(CMAKE_CUDA_COMPILER)
  execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE nvcc_says)
  string(REGEX MATCH "V([0-9.]+)" _ "${nvcc_says}")
  set(BLOCKHESS_NVCC_VERSION "${CMAKE_MATCH_1}")
  add_subdirectory(cuda)
endif()
