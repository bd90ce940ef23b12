# CUDA for presets that ask for it: finds nvcc, sets the architectures and the flags of every kernel.

# Where nvcc is comes in as a hint, never by presetting CMAKE_CUDA_COMPILER: check_language would
# believe that, and a broken nvcc would end in CMake's own long message instead of ours.
if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(GRADEPTH_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(GRADEPTH_NVCC)
  if(GRADEPTH_NVCC)
    set(ENV{CUDACXX} ${GRADEPTH_NVCC})
  endif()
endif()

# Ours unless -DCMAKE_CUDA_ARCHITECTURES or CUDAARCHS names others. Before the language is enabled, for check_language
# too: CMake's own default may be one that this nvcc no longer knows, and `native` is an error on a machine without a GPU.
set(architectures 80-real 90-real 120-real)
if(NOT "$ENV{CUDAARCHS}" STREQUAL "")
  set(architectures $ENV{CUDAARCHS})
endif()
set(CMAKE_CUDA_ARCHITECTURES "${architectures}" CACHE STRING "CUDA architectures to compile for")

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "GRADEPTH_CUDA=ON needs a working nvcc (CUDA 12 or 13), and none was found. "
                      "Set CUDACXX to its path, or use the preset cpu (GRADEPTH_CUDA=OFF).")
endif()
# One runtime for all targets; CUDA::cudart beside it would link a second one.
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  # CMake 3.25 does not know that nvcc has C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
find_package(CUDAToolkit 12 REQUIRED)

# The warnings and flags of all kernels. -lineinfo is for Nsight. No --use_fast_math: it flushes
# subnormal numbers, which this suite measures.
add_library(gradepth_cuda_options INTERFACE)
add_library(gradepth::cuda_options ALIAS gradepth_cuda_options)
set(cuda_flags -lineinfo -Xcompiler=-Wall,-Wextra)
if(GRADEPTH_WERROR)
  list(APPEND cuda_flags --Werror=all-warnings)
endif()
target_compile_options(gradepth_cuda_options INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:${cuda_flags}>)

# The baseline. Its headers are needed here, its library when a GPU is there.
if(GRADEPTH_CUDNN)
  find_package(CUDNN 9)
endif()
message(STATUS "CUDA ${CUDAToolkit_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}, cuDNN "
               "${CUDNN_VERSION}")
