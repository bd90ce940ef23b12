#pragma once

#include <cmath>

#include "host/problem/dtype.h"

/// Arithmetic in any format: float64, or rounded after each operation.
namespace gradepth {

/// How numbers are rounded: to a format, and what lies below its least normal number kept, or
/// flushed to 0 as with FTZ and DAZ. The sums of products run in float64, or in float32 as on most
/// machines.
struct Rounding {
  Dtype dtype = Dtype::f64;
  bool flush_subnormals = false;
  bool narrow_sums = false;
};

inline double round_to(Rounding rounding, double x) {
  const double y = round_to(rounding.dtype, x);
  const bool flushed = rounding.flush_subnormals && std::abs(y) < format(rounding.dtype).min_normal;
  return flushed ? std::copysign(0.0, y) : y;
}

/// A number of a format: the result of every operation is rounded to it. The value is kept in
/// float64, which holds sums, products and quotients of f32, f16 and bf16 closely enough that one
/// more rounding gives the correctly rounded result (Figueroa 1995: 53 >= 2 * 24 + 2 digits).
template <Dtype dtype, bool flush_subnormals = false>
class Rounded {
 public:
  Rounded() = default;
  explicit Rounded(double x) : value_(round_to(Rounding{dtype, flush_subnormals}, x)) {}
  explicit operator double() const { return value_; }

  friend Rounded operator+(Rounded a, Rounded b) { return Rounded(a.value_ + b.value_); }
  friend Rounded operator-(Rounded a, Rounded b) { return Rounded(a.value_ - b.value_); }
  friend Rounded operator*(Rounded a, Rounded b) { return Rounded(a.value_ * b.value_); }
  friend Rounded operator/(Rounded a, Rounded b) { return Rounded(a.value_ / b.value_); }
  friend Rounded operator-(Rounded a) { return Rounded(-a.value_); }
  friend auto operator<=>(Rounded a, Rounded b) = default;

  friend Rounded exp(Rounded a) { return Rounded(std::exp(a.value_)); }
  friend Rounded expm1(Rounded a) { return Rounded(std::expm1(a.value_)); }
  friend Rounded log1p(Rounded a) { return Rounded(std::log1p(a.value_)); }
  friend Rounded tanh(Rounded a) { return Rounded(std::tanh(a.value_)); }
  friend Rounded erfc(Rounded a) { return Rounded(std::erfc(a.value_)); }
  friend Rounded abs(Rounded a) { return Rounded(std::abs(a.value_)); }

 private:
  double value_ = 0;
};

/// Calls f(T{}) with the arithmetic type: double or Rounded. Only f32 is flushed.
template <class F>
void with_arithmetic(Rounding rounding, F&& f) {
  switch (rounding.dtype) {
    case Dtype::f64:
      f(double{});
      break;
    case Dtype::f32:
      if (rounding.flush_subnormals) {
        f(Rounded<Dtype::f32, true>{});
      } else {
        f(Rounded<Dtype::f32>{});
      }
      break;
    case Dtype::f16:
      f(Rounded<Dtype::f16>{});
      break;
    case Dtype::bf16:
      f(Rounded<Dtype::bf16>{});
      break;
  }
}

}  // namespace gradepth
