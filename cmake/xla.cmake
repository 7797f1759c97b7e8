# The XLA kernels, where TensorFlow comes with the headers of its compiler. Defines BLOCKHESS_HAS_XLA
# and the target tensorflow_xla. BLOCKHESS_XLA=OFF, here or in the environment, leaves them out.
default_from_environment(BLOCKHESS_XLA ON)

set(BLOCKHESS_HAS_XLA true)
get_filename_component(tensorflow_folder ${TENSORFLOW_INCLUDE} DIRECTORY)
set(xla_library ${tensorflow_folder}/libtensorflow_cc.so.2)
set(highwayhash_include ${TENSORFLOW_INCLUDE}/external/highwayhash)
set(farmhash_include ${TENSORFLOW_INCLUDE}/external/farmhash_archive/src)
foreach(needed IN ITEMS
    ${TENSORFLOW_INCLUDE}/tensorflow/compiler/tf2xla/xla_op_kernel.h
    ${TENSORFLOW_INCLUDE}/xla/ffi/api/ffi.h
    ${highwayhash_include}
    ${farmhash_include}
    ${xla_library})
  if(NOT EXISTS ${needed})
    message(STATUS "no XLA kernels: TensorFlow has no ${needed}")
    set(BLOCKHESS_HAS_XLA false)
  endif()
endforeach()
if(NOT BLOCKHESS_XLA)
  set(BLOCKHESS_HAS_XLA false)
endif()
if(NOT BLOCKHESS_HAS_XLA)
  return()
endif()

add_library(tensorflow_xla SHARED IMPORTED)
set_target_properties(tensorflow_xla PROPERTIES
  IMPORTED_LOCATION ${xla_library}
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${highwayhash_include};${farmhash_include}"
  INTERFACE_INCLUDE_DIRECTORIES "${highwayhash_include};${farmhash_include}")
