# The providers of our own kernels: one source, compiled for each machine.
set(ours_sources activation additive chain clip plan provider recurrent)
list(TRANSFORM ours_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM ours_sources APPEND .cpp)

add_library(gradepth_ours_simt STATIC ${ours_sources})
target_link_libraries(gradepth_ours_simt
  PUBLIC gradepth::kernels_simt
  PRIVATE gradepth_core gradepth::warnings)

if(GRADEPTH_CUDA)
  add_library(gradepth_ours_cuda STATIC ${ours_sources} device/cuda_timer.cpp device/loaded.cpp)
  target_compile_definitions(gradepth_ours_cuda PRIVATE GRADEPTH_PLATFORM_CUDA)
  target_link_libraries(gradepth_ours_cuda
    PUBLIC gradepth::kernels_cuda ${CMAKE_DL_LIBS}
    PRIVATE gradepth_core gradepth::warnings)
  # Loaded when they are first called (loaded.h), from where they were found.
  target_link_options(gradepth_ours_cuda PUBLIC "-Wl,-rpath,$<TARGET_FILE_DIR:CUDA::cublas>")
endif()
