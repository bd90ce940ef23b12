#include "kernels/linear/convolution.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

dim3 sample_grid(std::int64_t B, std::int64_t N) {
  return {as_blocks(B), as_blocks(divide_up(N, conv_channels))};
}

}  // namespace

void convolution_forward(std::int64_t B, std::int64_t N, const float* W, const float* h, float* a,
                         const StreamRef& stream) {
  if (B == 0 || N == 0) return;
  launch(convolution_kernel<false>, sample_grid(B, N), dim3(conv_pixels), 0, stream, N, W, h, a);
}

void convolution_backward_data(std::int64_t B, std::int64_t N, const float* W, const float* da,
                               float* dh, const StreamRef& stream) {
  if (B == 0 || N == 0) return;
  launch(convolution_kernel<true>, sample_grid(B, N), dim3(conv_pixels), 0, stream, N, W, da, dh);
}

void convolution_backward_weights(std::int64_t B, std::int64_t N, const float* da, const float* h,
                                  float* dW, const StreamRef& stream) {
  if (N == 0) return;
  const unsigned groups = as_blocks(divide_up(N, conv_channels));
  launch(convolution_weights_kernel, dim3(groups, groups), dim3(conv_pairs), 0, stream, B, N, da, h,
         dW);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
