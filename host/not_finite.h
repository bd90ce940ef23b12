#pragma once

#include <limits>

/// The numbers that are none.
namespace gradepth {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace gradepth
