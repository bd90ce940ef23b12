#pragma once

#include <cmath>

#include "kernels/activation/activation.h"

/// Activations as the float64 reference takes them: by the formulas of
/// kernels/activation/functions.h in extended precision, rounded once. In float64 itself their
/// rounding errors add up to more than 4 ulp, and far out those of an argument grow into
/// e^argument. What is not finite has no digits: it takes the short way.
namespace gradepth {

/// f(x).
template <class Act>
double exact_value(double x) {
  if (!std::isfinite(x)) return Act::value(x);
  return static_cast<double>(Act::value(static_cast<long double>(x)));
}

/// f'(x), from the pre-activation: within 4 ulp down to the least subnormal number, next to a zero
/// of f' within 4 ulp of the larger of its terms (tests/providers/slope_test.cpp).
template <class Act>
double exact_slope(double x) {
  if (!std::isfinite(x)) return Act::slope(x);
  return static_cast<double>(Act::slope(static_cast<long double>(x)));
}

/// Whether f has a part where f' is 0 on paper; it then reaches to -50. Elsewhere a slope of 0 is
/// less than the least number of its format.
template <class Act>
bool has_flat_part() {
  return exact_slope<Act>(-50.0) == 0;
}

}  // namespace gradepth
