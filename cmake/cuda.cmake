# The CUDA backend, where a CUDA compiler is found. Defines BLOCKHESS_HAS_CUDA (the backend is in this
# build), BLOCKHESS_CUDA_ARCHS (separated by spaces: sm_90 is machine code of that architecture,
# compute_75 is PTX, which drivers translate for any later one) and BLOCKHESS_NVCC_VERSION (empty: no
# nvcc).
#
# BLOCKHESS_CUDA=OFF leaves it out. BLOCKHESS_CUDA_ARCHS names architectures, "sm_80 sm_90", or is
# "all", as for a release, or "auto": that of the GPU that is seen and, where none is, PTX of the
# oldest. Both are read from the environment where CMake is not given them.
include(${CMAKE_CURRENT_LIST_DIR}/default_from_environment.cmake)
default_from_environment(BLOCKHESS_CUDA ON)
default_from_environment(BLOCKHESS_CUDA_ARCHS auto)

# A GPU of 8.6 or 8.9 runs the machine code of sm_80.
set(every_arch sm_75 sm_80 sm_90 sm_100 sm_120)

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

execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-code
  OUTPUT_VARIABLE known_archs COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "sm_[0-9]+" known_archs "${known_archs}")

# The architectures of a list that this nvcc knows.
function(keep_known archs result)
  set(kept "")
  foreach(arch IN LISTS archs)
    string(REPLACE "compute_" "sm_" code ${arch})
    if(code IN_LIST known_archs)
      list(APPEND kept ${arch})
    else()
      message(STATUS "nvcc ${BLOCKHESS_NVCC_VERSION} has no ${arch}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES kept)
  list(SORT kept COMPARE NATURAL)
  set(${result} "${kept}" PARENT_SCOPE)
endfunction()

# PTX of one of a list of architectures, by its place there.
function(ptx_of archs place result)
  list(GET archs ${place} arch)
  string(REPLACE "sm_" "compute_" arch ${arch})
  set(${result} ${arch} PARENT_SCOPE)
endfunction()

if(BLOCKHESS_CUDA_ARCHS STREQUAL auto)
  # As "8.9" a line for each GPU.
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
    OUTPUT_VARIABLE seen ERROR_QUIET RESULT_VARIABLE failed)
  set(archs "")
  if(failed EQUAL 0)
    string(REGEX MATCHALL "[0-9]+\\.[0-9]+" seen "${seen}")
    list(TRANSFORM seen REPLACE "([0-9]+)\\.([0-9]+)" "sm_\\1\\2")
    keep_known("${seen}" archs)
  endif()
  if(NOT archs)
    keep_known("${every_arch}" every_arch)
    ptx_of("${every_arch}" 0 archs)
  endif()
elseif(BLOCKHESS_CUDA_ARCHS STREQUAL "all")
  keep_known("${every_arch}" archs)
  ptx_of("${archs}" -1 ptx)
  list(APPEND archs ${ptx})
else()
  string(REGEX MATCHALL "(sm|compute)_[0-9]+" wanted "${BLOCKHESS_CUDA_ARCHS}")
  keep_known("${wanted}" archs)
  if(NOT archs)
    message(FATAL_ERROR "BLOCKHESS_CUDA_ARCHS is '${BLOCKHESS_CUDA_ARCHS}', of which nvcc "
      "${BLOCKHESS_NVCC_VERSION} knows none; it knows: ${known_archs}")
  endif()
endif()
string(REPLACE ";" " " BLOCKHESS_CUDA_ARCHS "${archs}")
list(TRANSFORM archs REPLACE "sm_([0-9]+)" "\\1-real")
list(TRANSFORM archs REPLACE "compute_([0-9]+)" "\\1-virtual" OUTPUT_VARIABLE CMAKE_CUDA_ARCHITECTURES)

enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
set(CMAKE_CUDA_RUNTIME_LIBRARY None)  # CUDA::cudart_static, where who links says
find_package(CUDAToolkit REQUIRED)
set(BLOCKHESS_HAS_CUDA true)
message(STATUS "nvcc ${BLOCKHESS_NVCC_VERSION}: code for ${BLOCKHESS_CUDA_ARCHS}")
