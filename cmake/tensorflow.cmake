# Finds the TensorFlow that this Python would import, without importing it (that takes seconds).
# Defines TENSORFLOW_INCLUDE, TENSORFLOW_VERSION and the target tensorflow_framework.
execute_process(
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/find_tensorflow.py
  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(GET found 0 TENSORFLOW_VERSION)
list(GET found 1 TENSORFLOW_INCLUDE)
list(GET found 2 TENSORFLOW_LIBRARY)
message(STATUS "TensorFlow ${TENSORFLOW_VERSION}: ${TENSORFLOW_INCLUDE}")

# IMPORTED_NO_SONAME and SKIP_RPATH keep the build machine's path out of _tf.so.
add_library(tensorflow_framework SHARED IMPORTED)
set_target_properties(tensorflow_framework PROPERTIES
  IMPORTED_LOCATION ${TENSORFLOW_LIBRARY}
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${TENSORFLOW_INCLUDE}
  INTERFACE_INCLUDE_DIRECTORIES ${TENSORFLOW_INCLUDE})
# As tf.sysconfig.get_compile_flags() has them.
target_compile_definitions(tensorflow_framework INTERFACE
  EIGEN_MAX_ALIGN_BYTES=64 _GLIBCXX_USE_CXX11_ABI=1)
