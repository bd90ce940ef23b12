#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

/// The numbers that are none.
namespace gradepth {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline bool all_finite(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace gradepth
