#pragma once

#include <concepts>

#include "host/exact_activation.h"

/// Activations in the reference's arithmetic: exact in float64, else rounded after each operation.
namespace gradepth::reference {

template <class Act, class T>
T value_of(T x) {
  if constexpr (std::same_as<T, double>) {
    return exact_value<Act>(x);
  } else {
    return Act::value(x);
  }
}

/// f' at x, y = f(x) at hand. float64 does not look at y, whatever `from` says.
template <class Act, class T>
T slope_of(SlopeFrom from, T x, [[maybe_unused]] T y) {
  if constexpr (std::same_as<T, double>) {
    return exact_slope<Act>(x);
  } else {
    if constexpr (has_slope_from_output<Act>) {
      if (from == SlopeFrom::output) return Act::slope_from_output(y);
    }
    return Act::slope(x);
  }
}

}  // namespace gradepth::reference
