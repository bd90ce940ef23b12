#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// The convolution of the cnn chains: 3 x 3 kernels on 8 x 8 images, circular padding, as many
/// channels out as in. As in PyTorch it is a cross-correlation: the kernel is not flipped.
///   images [B, N, 8, 8], W [N out, N in, 3, 3]
namespace gradepth::inline GRADEPTH_PLATFORM {

inline constexpr int conv_image = 8;
inline constexpr int conv_kernel = 3;
inline constexpr int conv_pixels = conv_image * conv_image;
inline constexpr int conv_taps = conv_kernel * conv_kernel;

/// a[b, o, y, x] = Σ_{i, u, v} W[o, i, u, v] h[b, i, y + u - 1, x + v - 1], positions modulo 8.
void convolution_forward(std::int64_t B, std::int64_t N, const float* W, const float* h, float* a,
                         const StreamRef& stream);

/// dh[b, i, y, x] = Σ_{o, u, v} W[o, i, u, v] da[b, o, y - u + 1, x - v + 1]
void convolution_backward_data(std::int64_t B, std::int64_t N, const float* W, const float* da,
                               float* dh, const StreamRef& stream);

/// dW[o, i, u, v] = Σ_{b, y, x} da[b, o, y, x] h[b, i, y + u - 1, x + v - 1]
void convolution_backward_weights(std::int64_t B, std::int64_t N, const float* da, const float* h,
                                  float* dW, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
