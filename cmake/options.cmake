# What a build can choose. Presets set these; `cmake -LH` lists them.
option(GRADEPTH_CUDA "Build the CUDA kernels and providers (needs nvcc)" OFF)
option(GRADEPTH_CUDNN "Build the provider cudnn where cuDNN 9 is found (CUDA builds only)" ON)
option(GRADEPTH_OPENMP "Use OpenMP; off in ThreadSanitizer builds" ON)
option(GRADEPTH_WERROR "Treat warnings as errors: for development and CI, whose compiler and flags are known" OFF)
option(GRADEPTH_METER "Build the meter of kernel costs instead of all else (needs clang 16)" OFF)
option(GRADEPTH_BATCHES "Compile files of a target together, library headers once: faster, but not for clang-tidy" OFF)
set(GRADEPTH_SANITIZE "" CACHE STRING "Sanitizers: empty, 'address,undefined' or 'thread'")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Most of a file's time goes into templates of libraries that the next file instantiates again.
set(CMAKE_UNITY_BUILD ${GRADEPTH_BATCHES})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 20)

# precompile(TARGET HEADER…): parses headers of libraries once for all files of a target.
function(precompile target)
  if(GRADEPTH_BATCHES)
    list(TRANSFORM ARGN PREPEND "<" OUTPUT_VARIABLE headers)
    list(TRANSFORM headers APPEND ">")
    target_precompile_headers(${target} PRIVATE ${headers})
  endif()
endfunction()
