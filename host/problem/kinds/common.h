#pragma once

#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/kind.h"
#include "host/problem/tensor.h"

/// What the kinds of problem have in common.
namespace gradepth::kinds {

inline constexpr std::int64_t max_elements = std::int64_t{1} << 40;

inline void require(bool ok, const std::string& what, const std::string& value,
                    const std::string& allowed) {
  if (!ok) throw std::invalid_argument(what + ' ' + value + ": " + allowed);
}

inline constexpr std::int64_t max_size = 1'000'000'000;
inline const char* const size_range = "a whole number from 1 to 1000000000";

inline void require_size(const char* what, std::int64_t value) {
  require(value >= 1 && value <= max_size, what, std::to_string(value), size_range);
}

/// A limit that rounds to 0 would turn clipping off.
inline void require_clip_value(double value, Dtype dtype) {
  std::ostringstream text;
  text << value;
  require(value == 0 || round_to(dtype, value) > 0, "clip-value", text.str(),
          "0 (off) or a number above 0 that " + std::string(name(dtype)) + " holds");
}

inline double element_bytes(Dtype dtype) {
  return dtype == Dtype::f64 ? 8 : dtype == Dtype::f32 ? 4 : 2;
}

/// Bytes of all these tensors.
inline double bytes_of(Dtype dtype, std::initializer_list<std::vector<TensorSpec>> lists) {
  double elements = 0;
  for (const std::vector<TensorSpec>& specs : lists) {
    for (const TensorSpec& spec : specs) elements += static_cast<double>(size(spec.shape));
  }
  return element_bytes(dtype) * elements;
}

inline Shape with_leading(std::int64_t n, Shape shape) {
  shape.insert(shape.begin(), n);
  return shape;
}

}  // namespace gradepth::kinds
