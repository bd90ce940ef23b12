#pragma once

#include <concepts>

#include "host/problem/exact_activation.h"

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

/// f' at x, from the y that is given or from x.
template <class Act, class T>
T given_slope(SlopeFrom from, T x, [[maybe_unused]] T y) {
  if constexpr (has_slope_from_output<Act>) {
    if (from == SlopeFrom::output) return Act::slope_from_output(y);
  }
  if constexpr (std::same_as<T, double>) {
    return exact_slope<Act>(x);
  } else {
    return Act::slope(x);
  }
}

/// Where a net's slopes come from: in float64 from the input, whatever is asked for.
template <class T>
constexpr SlopeFrom slopes_of_net(SlopeFrom asked) {
  return std::same_as<T, double> ? SlopeFrom::input : asked;
}

/// f' at x in a net, y = f(x) at hand.
template <class Act, class T>
T slope_of(SlopeFrom asked, T x, T y) {
  return given_slope<Act>(slopes_of_net<T>(asked), x, y);
}

}  // namespace gradepth::reference
