#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "host/dtype.h"

/// Arithmetic of the reference provider: float64, or any format by rounding after each operation.
namespace gradepth::reference {

/// A number of a format: the result of every operation is rounded to it. The value is kept in
/// float64, which holds sums, products and quotients of f32, f16 and bf16 closely enough that one
/// more rounding gives the correctly rounded result (Figueroa 1995: 53 >= 2 * 24 + 2 digits).
template <Dtype dtype>
class Rounded {
 public:
  Rounded() = default;
  explicit Rounded(double x) : value_(round_to(dtype, x)) {}
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

/// Calls f(T{}) with the arithmetic type of the dtype: double or Rounded.
template <class F>
void with_arithmetic(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::f64:
      f(double{});
      break;
    case Dtype::f32:
      f(Rounded<Dtype::f32>{});
      break;
    case Dtype::f16:
      f(Rounded<Dtype::f16>{});
      break;
    case Dtype::bf16:
      f(Rounded<Dtype::bf16>{});
      break;
  }
}

using Vector = std::vector<double>;

/// A row-major view of numbers: `rows` rows of `cols`.
struct View {
  const double* data;
  std::int64_t rows;
  std::int64_t cols;
};

/// Aᵀ.
Vector transposed(View A);

/// C[M, N] = A[M, K] B[K, N], or C += with `accumulate`. Each sum runs in order of k in float64;
/// the caller rounds it once: a dot product counts as one operation, as on units that accumulate
/// wide.
void product(View A, View B, double* C, bool accumulate = false);
/// C = A[M, K] B[N, K]ᵀ.
void product_nt(View A, View B, double* C, bool accumulate = false);
/// C = A[K, M]ᵀ B[K, N].
void product_tn(View A, View B, double* C, bool accumulate = false);

/// Rounds every number to the dtype.
void round_all(Dtype dtype, double* data, std::size_t n);

/// Σ x², scaled so that neither the squares nor the sum over- or underflow before the result does.
double sum_of_squares(const double* data, std::size_t n);

/// x clipped to ±limit; NaN stays NaN; limit 0 is off.
inline double clip(double x, double limit) {
  return limit <= 0 ? x : x > limit ? limit : x < -limit ? -limit : x;
}

}  // namespace gradepth::reference
