#pragma once

#include <cstddef>
#include <vector>

#include "host/problem/image.h"
#include "host/problem/tensor.h"

/// The cnn's images: 8 × 8 pixels on a torus, 3 × 3 taps.
namespace gradepth::cpu {

using image::neighbour;
using image::pixels;
using image::side;
using image::taps;

/// to[i][c][r] = from[i][r][c] for `count` matrices [rows, cols]: images from channels first to
/// channels last, and back.
template <class Number>
void transpose_each(const Number* from, std::ptrdiff_t count, std::ptrdiff_t rows,
                    std::ptrdiff_t cols, Number* to) {
  for (std::ptrdiff_t i = 0; i < count; ++i, from += rows * cols, to += rows * cols) {
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      for (std::ptrdiff_t c = 0; c < cols; ++c) to[c * rows + r] = from[r * cols + c];
    }
  }
}

/// Images [..., N, 8, 8] with their channels last, as [..., 8, 8, N] in the shape of the former;
/// other tensors, and weights, as they are.
inline Tensors images_last(Tensors in, std::ptrdiff_t N) {
  for (auto& [name, tensor] : in) {
    if (tensor.shape.size() < 4 || tensor.shape.back() != side) continue;
    const std::vector<double> first = tensor.data;
    const auto count = static_cast<std::ptrdiff_t>(first.size()) / (N * pixels);
    transpose_each(first.data(), count, N, pixels, tensor.data.data());
  }
  return in;
}
/// The way back.
inline Tensor images_first(Tensor tensor, std::ptrdiff_t N) {
  if (tensor.shape.size() < 4 || tensor.shape.back() != side) return tensor;
  const std::vector<double> last = tensor.data;
  const auto count = static_cast<std::ptrdiff_t>(last.size()) / (N * pixels);
  transpose_each(last.data(), count, pixels, N, tensor.data.data());
  return tensor;
}

}  // namespace gradepth::cpu
