# The provider of NVIDIA's libraries, where a CUDA build has cuDNN.
if(GRADEPTH_CUDA AND CUDNN_FOUND)
  add_library(gradepth_cudnn STATIC
    providers/cudnn.cpp
    providers/cudnn_activation.cpp
    providers/cudnn_cnn.cpp
    providers/cudnn_convolution.cpp
    providers/cudnn_dense.cpp
    providers/cudnn_elementwise.cpp
    providers/cudnn_matmul.cpp
    providers/cudnn_plan.cpp
    providers/cudnn_rnn.cpp
    providers/cudnn_rnn_description.cpp
    providers/cudnn_rnn_engine.cpp
    providers/cudnn_clip.cpp
    providers/cudnn_cub.cu)
  target_compile_definitions(gradepth_cudnn PRIVATE GRADEPTH_PLATFORM_CUDA)
  target_link_libraries(gradepth_cudnn
    PUBLIC gradepth_custom_cuda
    PRIVATE gradepth_core gradepth::warnings gradepth::cuda_options)
  target_include_directories(gradepth_cudnn SYSTEM PUBLIC ${CUDNN_INCLUDE_DIR})
  target_link_options(gradepth_cudnn PUBLIC "-Wl,-rpath,$<TARGET_FILE_DIR:CUDNN::cudnn>")
  string(REGEX MATCH "^[0-9]+" cudnn_major "${CUDNN_VERSION}")
  target_compile_definitions(gradepth_custom_cuda PRIVATE GRADEPTH_CUDNN_MAJOR=${cudnn_major})
endif()
