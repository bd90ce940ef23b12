#[[
Finds cuDNN 8 or later: in the CUDA toolkit, from Debian or Ubuntu packages, in an unpacked archive
(CUDNN_ROOT), or in Python's package nvidia-cudnn (unless CUDNN_NO_PIP is set).

Sets CUDNN_FOUND and CUDNN_VERSION, and defines CUDNN::cudnn, the library that loads its parts
by itself. CUDNN_INCLUDE_DIR and CUDNN_LIBRARY can be given.
]]
include(FindPackageHandleStandardArgs)

set(cudnn_places ${CUDNN_ROOT} $ENV{CUDNN_ROOT} $ENV{CUDNN_PATH} $ENV{CUDNN_HOME}
                 ${CUDAToolkit_LIBRARY_ROOT} ${CUDAToolkit_TARGET_DIR} $ENV{CUDA_HOME}
                 $ENV{CUDA_PATH} /usr/local/cuda)

if(NOT CUDNN_NO_PIP)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c
              "import importlib.util as u; s = u.find_spec('nvidia.cudnn'); print(*(s.submodule_search_locations if s else []))"
      OUTPUT_VARIABLE cudnn_in_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    list(APPEND cudnn_places ${cudnn_in_python})
  endif()
endif()

find_path(CUDNN_INCLUDE_DIR cudnn_version.h HINTS ${cudnn_places}
          PATH_SUFFIXES include include/x86_64-linux-gnu targets/x86_64-linux/include
                        targets/sbsa-linux/include)
find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 libcudnn.so.8 NAMES_PER_DIR
             HINTS ${cudnn_places}
             PATH_SUFFIXES lib lib64 lib/x86_64-linux-gnu lib/x64 targets/x86_64-linux/lib
                           targets/sbsa-linux/lib)
mark_as_advanced(CUDNN_INCLUDE_DIR CUDNN_LIBRARY)

if(CUDNN_INCLUDE_DIR)
  set(version_header ${CUDNN_INCLUDE_DIR}/cudnn_version.h)
  set(numbers)
  foreach(part MAJOR MINOR PATCHLEVEL)
    file(STRINGS ${version_header} line REGEX "^#define[ \t]+CUDNN_${part}[ \t]+[0-9]+")
    string(REGEX REPLACE ".*CUDNN_${part}[ \t]+([0-9]+).*" "\\1" number "${line}")
    list(APPEND numbers ${number})
  endforeach()
  list(JOIN numbers "." CUDNN_VERSION)
endif()

find_package_handle_standard_args(CUDNN REQUIRED_VARS CUDNN_LIBRARY CUDNN_INCLUDE_DIR
                                  VERSION_VAR CUDNN_VERSION)

if(CUDNN_FOUND AND NOT TARGET CUDNN::cudnn)
  add_library(CUDNN::cudnn UNKNOWN IMPORTED)
  set_target_properties(CUDNN::cudnn PROPERTIES
    IMPORTED_LOCATION ${CUDNN_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CUDNN_INCLUDE_DIR})
endif()
