#pragma once

#include <cstddef>
#include <cstdint>

/// The cnn's images: 8 × 8 pixels on a torus, seen through kernels of 3 × 3 taps.
namespace gradepth::image {

inline constexpr std::int64_t side = 8;
inline constexpr std::int64_t pixels = side * side;
inline constexpr std::int64_t kernel = 3;
inline constexpr std::int64_t taps = kernel * kernel;

/// The pixel that tap k of the kernel, centred on pixel p, falls on. Tap taps - 1 - k of that pixel
/// falls back on p.
constexpr std::ptrdiff_t neighbour(std::ptrdiff_t p, std::ptrdiff_t k) {
  const std::ptrdiff_t y = (p / side + k / kernel + side - 1) % side;
  const std::ptrdiff_t x = (p % side + k % kernel + side - 1) % side;
  return y * side + x;
}

}  // namespace gradepth::image
