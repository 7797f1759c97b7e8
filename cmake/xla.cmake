# The XLA kernels, where TensorFlow comes with what they are built with. Defines BLOCKHESS_HAS_XLA and
# the target tensorflow_xla. BLOCKHESS_XLA=OFF leaves them out; it is read from the environment where
# CMake is not given it.
include(${CMAKE_CURRENT_LIST_DIR}/default_from_environment.cmake)
default_from_environment(BLOCKHESS_XLA ON)

string(REPLACE "libtensorflow_framework" "libtensorflow_cc" xla_library ${TENSORFLOW_LIBRARY})
set(highwayhash_include ${TENSORFLOW_INCLUDE}/external/highwayhash)
set(farmhash_include ${TENSORFLOW_INCLUDE}/external/farmhash_archive/src)
set(BLOCKHESS_HAS_XLA true)
if(NOT BLOCKHESS_XLA)
  set(BLOCKHESS_HAS_XLA false)
endif()
foreach(needed IN ITEMS
    ${TENSORFLOW_INCLUDE}/tensorflow/compiler/tf2xla/xla_op_kernel.h
    ${TENSORFLOW_INCLUDE}/xla/ffi/api/ffi.h
    ${highwayhash_include}
    ${farmhash_include}
    ${xla_library})
  if(NOT EXISTS ${needed})
    message(STATUS "no XLA kernels: there is no ${needed}")
    set(BLOCKHESS_HAS_XLA false)
  endif()
endforeach()
if(NOT BLOCKHESS_HAS_XLA)
  return()
endif()

add_library(tensorflow_xla SHARED IMPORTED)
set_target_properties(tensorflow_xla PROPERTIES
  IMPORTED_LOCATION ${xla_library}
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${highwayhash_include};${farmhash_include}"
  INTERFACE_INCLUDE_DIRECTORIES "${highwayhash_include};${farmhash_include}")
