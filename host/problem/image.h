#pragma once

#include <cstdint>

/// The cnn's images: 8 × 8 pixels on a torus, seen through kernels of 3 × 3 taps.
namespace gradepth::image {

inline constexpr std::int64_t side = 8;
inline constexpr std::int64_t pixels = side * side;
inline constexpr std::int64_t kernel = 3;
inline constexpr std::int64_t taps = kernel * kernel;

}  // namespace gradepth::image
