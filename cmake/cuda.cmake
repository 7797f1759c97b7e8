# The CUDA backend, where a CUDA compiler is found. Defines BLOCKHESS_HAS_CUDA (the backend is in this
# build), BLOCKHESS_CUDA_ARCHS (what it has machine code for, separated by spaces) and
# BLOCKHESS_NVCC_VERSION (empty: no nvcc).
#
# BLOCKHESS_CUDA=OFF leaves it out; BLOCKHESS_CUDA_ARCHS="sm_80 sm_90" narrows the list. Both are read
# from the environment where CMake is not given them.
include(${CMAKE_CURRENT_LIST_DIR}/default_from_environment.cmake)
default_from_environment(BLOCKHESS_CUDA ON)
default_from_environment(BLOCKHESS_CUDA_ARCHS "sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120")

set(BLOCKHESS_HAS_CUDA false)
set(BLOCKHESS_NVCC_VERSION "")
if(BLOCKHESS_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
endif()
if(NOT BLOCKHESS_CUDA OR NOT CMAKE_CUDA_COMPILER)
  set(BLOCKHESS_CUDA_ARCHS "")
  return()
endif()

execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE nvcc_says)
string(REGEX MATCH "V([0-9.]+)" _ "${nvcc_says}")
set(BLOCKHESS_NVCC_VERSION "${CMAKE_MATCH_1}")

# Those of the list that this nvcc knows; for the newest also PTX, which later GPUs can run.
execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-code
  OUTPUT_VARIABLE known_archs COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "sm_[0-9]+" known_archs "${known_archs}")
string(REGEX MATCHALL "sm_[0-9]+" wanted_archs "${BLOCKHESS_CUDA_ARCHS}")
set(archs "")
foreach(arch IN LISTS wanted_archs)
  if(arch IN_LIST known_archs)
    list(APPEND archs ${arch})
  else()
    message(STATUS "nvcc ${BLOCKHESS_NVCC_VERSION} has no ${arch}")
  endif()
endforeach()
if(NOT archs)
  message(FATAL_ERROR "BLOCKHESS_CUDA_ARCHS is '${BLOCKHESS_CUDA_ARCHS}', of which nvcc "
    "${BLOCKHESS_NVCC_VERSION} knows none; it knows: ${known_archs}")
endif()
list(SORT archs COMPARE NATURAL)
string(REPLACE ";" " " BLOCKHESS_CUDA_ARCHS "${archs}")
list(TRANSFORM archs REPLACE "sm_([0-9]+)" "\\1-real" OUTPUT_VARIABLE CMAKE_CUDA_ARCHITECTURES)
list(GET archs -1 newest)
string(REPLACE "sm_" "" newest ${newest})
list(APPEND CMAKE_CUDA_ARCHITECTURES ${newest}-virtual)

enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
set(CMAKE_CUDA_RUNTIME_LIBRARY None)  # CUDA::cudart_static, where who links says
find_package(CUDAToolkit REQUIRED)
set(BLOCKHESS_HAS_CUDA true)
message(STATUS "nvcc ${BLOCKHESS_NVCC_VERSION}: machine code for ${BLOCKHESS_CUDA_ARCHS}")
