#include "kernels/linear/circular_pad.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

void circular_pad(std::int64_t count, const float* images, float* padded, const StreamRef& stream) {
  const std::int64_t pixels = count * padded_pixels;
  if (pixels == 0) return;
  launch(torus_pad_kernel, dim3(blocks_for(pixels)), dim3(block_threads), 0, stream, pixels, images,
         padded);
}

void circular_pad_backward(std::int64_t count, const float* padded, float* images,
                           const StreamRef& stream) {
  const std::int64_t pixels = count * conv_pixels;
  if (pixels == 0) return;
  launch(torus_fold_kernel, dim3(blocks_for(pixels)), dim3(block_threads), 0, stream, pixels,
         padded, images);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
