# One INTERFACE target carries the warnings and the sanitizers; every target of ours links it.
add_library(gradepth_warnings INTERFACE)
add_library(gradepth::warnings ALIAS gradepth_warnings)

set(cxx_warnings -Wall -Wextra -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in every "text" + std::string (GCC bug 105651).
  list(APPEND cxx_warnings -Wno-restrict)
endif()
if(GRADEPTH_BATCHES AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND cxx_warnings -Wno-shadow) # to clang a local alias shadows that of another file of the batch
endif()
if(GRADEPTH_WERROR)
  list(APPEND cxx_warnings -Werror)
endif()
target_compile_options(gradepth_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${cxx_warnings}>)

if(GRADEPTH_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The manual says so: instrumented code draws false warnings of this kind. Plain builds have them on.
    target_compile_options(gradepth_warnings INTERFACE
      $<$<COMPILE_LANGUAGE:CXX>:-Wno-uninitialized -Wno-maybe-uninitialized>)
  endif()
  target_compile_options(gradepth_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${GRADEPTH_SANITIZE} -fno-omit-frame-pointer>
    $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize-recover=all>)
  target_link_options(gradepth_warnings INTERFACE -fsanitize=${GRADEPTH_SANITIZE})
endif()
