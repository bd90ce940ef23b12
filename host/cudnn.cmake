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
    PUBLIC gradepth::kernels_cuda CUDA::cublas CUDA::cublasLt CUDNN::cudnn
    PRIVATE gradepth_core gradepth::warnings gradepth::cuda_options)
endif()
