#pragma once

#include <cstdint>

#include "kernels/linear/convolution.h"
#include "kernels/platform.h"

/// Images on a torus for libraries that know zero padding only: each image gets a rim that shows
/// its other side, as wide as a 3 x 3 kernel needs.
///   images [count, 8, 8], padded [count, 10, 10]
namespace gradepth::inline GRADEPTH_PLATFORM {

inline constexpr int padded_side = conv_image + conv_kernel - 1;

/// padded[i, y, x] = images[i, y - 1, x - 1], positions modulo 8.
void circular_pad(std::int64_t count, const float* images, float* padded, const StreamRef& stream);

/// The transpose of circular_pad: the gradient of a pixel is the sum of those of all places that
/// show it.
void circular_pad_backward(std::int64_t count, const float* padded, float* images,
                           const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
