# The provider of NVIDIA's libraries, where a CUDA build has cuDNN.
if(GRADEPTH_CUDA AND CUDNN_FOUND)
  add_library(gradepth_cudnn STATIC
    providers/cudnn/provider.cpp
    providers/cudnn/activation.cpp
    providers/cudnn/cnn.cpp
    providers/cudnn/convolution.cpp
    providers/cudnn/dense.cpp
    providers/cudnn/elementwise.cpp
    providers/cudnn/matmul.cpp
    providers/cudnn/plan.cpp
    providers/cudnn/rnn/rnn.cpp
    providers/cudnn/rnn/description.cpp
    providers/cudnn/rnn/engine.cpp
    providers/cudnn/clip.cpp
    providers/cudnn/cub.cu)
  target_compile_definitions(gradepth_cudnn PRIVATE GRADEPTH_PLATFORM_CUDA)
  target_link_libraries(gradepth_cudnn
    PUBLIC gradepth_ours_cuda
    PRIVATE gradepth_core gradepth::warnings gradepth::cuda_options)
  target_include_directories(gradepth_cudnn SYSTEM PUBLIC ${CUDNN_INCLUDE_DIR})
  target_link_options(gradepth_cudnn PUBLIC "-Wl,-rpath,$<TARGET_FILE_DIR:CUDNN::cudnn>")
  string(REGEX MATCH "^[0-9]+" cudnn_major "${CUDNN_VERSION}")
  target_compile_definitions(gradepth_ours_cuda PRIVATE GRADEPTH_CUDNN_MAJOR=${cudnn_major})
endif()
