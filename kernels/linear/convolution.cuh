#pragma once

#include "kernels/grid.cuh"
#include "kernels/linear/convolution.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// Channels that a block takes at a time, of its output and of its input.
inline constexpr int conv_channels = 8;
inline constexpr int conv_pairs = conv_channels * conv_channels;

/// The pixel (dy, dx) away from `pixel` on the torus. A warp's 32 pixels go to 32 pixels of as many
/// banks: four whole rows, turned.
__device__ inline int neighbour(int pixel, int dy, int dx) {
  const int y = (pixel / conv_image + dy + conv_image) % conv_image;
  const int x = (pixel % conv_image + dx + conv_image) % conv_image;
  return y * conv_image + x;
}

// A block makes conv_channels output channels of one sample, a thread one pixel of each.
// blockIdx = (sample, group of output channels), one thread per pixel.
//   forward:       out[o, p] = Σ_{i, u, v} W[o, i, u, v] in[i, p + (u - 1, v - 1)]
//   backward data: out[i, p] = Σ_{o, u, v} W[o, i, u, v] in[o, p - (u - 1, v - 1)]
template <bool Backward>
__global__ void __launch_bounds__(conv_pixels)
    convolution_kernel(std::int64_t N, const float* W, const float* in, float* out) {
  __shared__ float image[conv_channels][conv_pixels];
  __shared__ float weight[conv_channels][conv_channels][conv_taps];  // [out][in][tap]
  const int pixel = static_cast<int>(threadIdx.x);
  const std::int64_t sample = static_cast<std::int64_t>(blockIdx.x) * N;
  const std::int64_t out0 = static_cast<std::int64_t>(blockIdx.y) * conv_channels;

  float sum[conv_channels] = {};
  for (std::int64_t in0 = 0; in0 < N; in0 += conv_channels) {
    for (int c = 0; c < conv_channels; ++c) {
      const bool inside = in0 + c < N;
      image[c][pixel] = inside ? in[(sample + in0 + c) * conv_pixels + pixel] : 0.F;
    }
    for (int e = pixel; e < conv_channels * conv_channels * conv_taps; e += conv_pixels) {
      const int tap = e % conv_taps;
      const int to = e / conv_taps / conv_channels;
      const int from = e / conv_taps % conv_channels;
      const std::int64_t row = Backward ? in0 + from : out0 + to;
      const std::int64_t column = Backward ? out0 + to : in0 + from;
      const bool inside = row < N && column < N;
      weight[to][from][tap] = inside ? W[(row * N + column) * conv_taps + tap] : 0.F;
    }
    __syncthreads();
    for (int from = 0; from < conv_channels; ++from) {
      for (int tap = 0; tap < conv_taps; ++tap) {
        const int dy = (tap / conv_kernel - 1) * (Backward ? -1 : 1);
        const int dx = (tap % conv_kernel - 1) * (Backward ? -1 : 1);
        const float x = image[from][neighbour(pixel, dy, dx)];
        for (int to = 0; to < conv_channels; ++to) sum[to] += weight[to][from][tap] * x;
      }
    }
    __syncthreads();  // before the next channels overwrite these
  }
  for (int to = 0; to < conv_channels; ++to) {
    if (out0 + to < N) out[(sample + out0 + to) * conv_pixels + pixel] = sum[to];
  }
}

// A block makes the 8 x 8 kernels between a group of output and a group of input channels, a thread
// one of them: blockIdx = (group of outputs, group of inputs), one thread per pair.
__global__ void __launch_bounds__(conv_pairs)
    convolution_weights_kernel(std::int64_t B, std::int64_t N, const float* da, const float* h,
                               float* dW) {
  constexpr int pitch = conv_pixels + 1;  // odd: a column of channels lies in different banks
  __shared__ float gradient[conv_channels][pitch];
  __shared__ float image[conv_channels][pitch];
  const int thread = static_cast<int>(threadIdx.x);
  const int o = thread / conv_channels;
  const int i = thread % conv_channels;
  const std::int64_t out0 = static_cast<std::int64_t>(blockIdx.x) * conv_channels;
  const std::int64_t in0 = static_cast<std::int64_t>(blockIdx.y) * conv_channels;

  float sum[conv_taps] = {};
  for (std::int64_t b = 0; b < B; ++b) {
    for (int e = thread; e < conv_channels * conv_pixels; e += conv_pairs) {
      const int c = e / conv_pixels;
      const int pixel = e % conv_pixels;
      const bool out_inside = out0 + c < N;
      const bool in_inside = in0 + c < N;
      gradient[c][pixel] = out_inside ? da[(b * N + out0 + c) * conv_pixels + pixel] : 0.F;
      image[c][pixel] = in_inside ? h[(b * N + in0 + c) * conv_pixels + pixel] : 0.F;
    }
    __syncthreads();
    for (int pixel = 0; pixel < conv_pixels; ++pixel) {
      const float g = gradient[o][pixel];
      for (int tap = 0; tap < conv_taps; ++tap) {
        const int at = neighbour(pixel, tap / conv_kernel - 1, tap % conv_kernel - 1);
        sum[tap] += g * image[i][at];
      }
    }
    __syncthreads();  // before the next sample overwrites this one
  }
  if (out0 + o >= N || in0 + i >= N) return;
  for (int tap = 0; tap < conv_taps; ++tap) {
    dW[((out0 + o) * N + in0 + i) * conv_taps + tap] = sum[tap];
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
