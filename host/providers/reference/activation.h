#pragma once

#include <concepts>

#include "host/problem/exact_activation.h"

/// Activations in the reference's arithmetic: exact in float64, else rounded after each operation.
namespace gradepth::reference {

/// An activation in numbers of T, looked up once, for plain loops and for cells that take one.
template <class T>
class ActivationIn {
 public:
  ActivationIn() = default;  // of a cell that takes none: nothing may be asked of it
  explicit ActivationIn(Activation act) {
    with_activation(act, [&](auto f) {
      using Act = decltype(f);
      if constexpr (std::same_as<T, double>) {
        value_ = exact_value<Act>;
        slope_ = exact_slope<Act>;
      } else {
        value_ = [](T x) { return Act::value(x); };
        slope_ = [](T x) { return Act::slope(x); };
      }
      if constexpr (gradepth::has_slope_from_output<Act>) {
        slope_from_output_ = [](T y) { return Act::slope_from_output(y); };
      }
    });
  }

  [[nodiscard]] T value(T x) const { return value_(x); }
  [[nodiscard]] T slope(T x) const { return slope_(x); }
  [[nodiscard]] T slope_from_output(T y) const { return slope_from_output_(y); }
  [[nodiscard]] bool has_slope_from_output() const { return slope_from_output_ != nullptr; }

  /// f' at x, from y = f(x) where that is asked for and can be, else from x.
  [[nodiscard]] T given_slope(SlopeFrom from, T x, T y) const {
    return from == SlopeFrom::output && has_slope_from_output() ? slope_from_output(y) : slope(x);
  }

 private:
  T (*value_)(T x) = nullptr;
  T (*slope_)(T x) = nullptr;
  T (*slope_from_output_)(T y) = nullptr;
};

/// Where a net's slopes come from: in float64 from the input, whatever is asked for.
template <class T>
constexpr SlopeFrom slopes_of_net(SlopeFrom asked) {
  return std::same_as<T, double> ? SlopeFrom::input : asked;
}

}  // namespace gradepth::reference
