#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace gradepth {

using Shape = std::vector<std::int64_t>;

/// Number of elements; 1 for an empty shape.
inline std::size_t size(const Shape& shape) {
  return static_cast<std::size_t>(
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

/// A dense row-major tensor in float64: what goes into a plan and comes out of it. Providers keep
/// their own copies in their own format; the conversion is never timed.
struct Tensor {
  Shape shape;
  std::vector<double> data;

  Tensor() = default;
  explicit Tensor(Shape s) : shape(std::move(s)), data(gradepth::size(shape)) {}
  Tensor(Shape s, std::vector<double> values) : shape(std::move(s)), data(std::move(values)) {}

  [[nodiscard]] std::size_t size() const { return data.size(); }
  /// Elements of one slice along the first dimension.
  [[nodiscard]] std::size_t stride() const {
    return shape.empty() || shape[0] == 0 ? 0 : data.size() / static_cast<std::size_t>(shape[0]);
  }
};

/// Tensors by name, the names of problem.h.
using Tensors = std::map<std::string, Tensor, std::less<>>;

}  // namespace gradepth
