#pragma once

#include "kernels/grid.cuh"
#include "kernels/linear/circular_pad.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

inline constexpr int padded_pixels = padded_side * padded_side;

// One thread per padded pixel.
__global__ void __launch_bounds__(block_threads)
    torus_pad_kernel(std::int64_t pixels, const float* images, float* padded) {
  for (std::int64_t i = grid_thread(); i < pixels; i += grid_threads()) {
    const int within = static_cast<int>(i % padded_pixels);
    const int y = (within / padded_side + conv_image - 1) % conv_image;
    const int x = (within % padded_side + conv_image - 1) % conv_image;
    padded[i] = images[i / padded_pixels * conv_pixels + y * conv_image + x];
  }
}

// One thread per pixel. A coordinate c stands at c + 1, and 0 and 7 also on the other side's rim.
__global__ void __launch_bounds__(block_threads)
    torus_fold_kernel(std::int64_t pixels, const float* padded, float* images) {
  for (std::int64_t i = grid_thread(); i < pixels; i += grid_threads()) {
    const float* image = padded + i / conv_pixels * padded_pixels;
    const int within = static_cast<int>(i % conv_pixels);
    float sum = 0;
    for (int y = within / conv_image + 1 - conv_image; y < padded_side; y += conv_image) {
      for (int x = within % conv_image + 1 - conv_image; x < padded_side; x += conv_image) {
        if (y >= 0 && x >= 0) sum += image[y * padded_side + x];
      }
    }
    images[i] = sum;
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
