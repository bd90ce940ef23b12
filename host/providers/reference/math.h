#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "host/problem/rounded.h"

/// Products and sums of the reference provider.
namespace gradepth::reference {

using Vector = std::vector<double>;

/// A size as the standard library counts.
inline std::size_t length(std::int64_t n) { return static_cast<std::size_t>(n); }

/// A row-major view of numbers: `rows` rows of `cols`.
struct View {
  const double* data;
  std::int64_t rows;
  std::int64_t cols;
};

/// Aᵀ.
Vector transposed(View A);

/// C[M, N] = A[M, K] B[K, N]. Each sum runs in order of k in float64, with fused multiply-adds
/// where the vectors in use have them (all but SSE4 and SCALAR), on any number of threads alike;
/// the caller rounds it once: a dot product counts as one operation, as on units that accumulate
/// wide. With narrow_sums it runs in float32, of A and B rounded to that.
void product(View A, View B, double* C, Rounding rounding = {});
/// C = A[M, K] B[N, K]ᵀ.
void product_nt(View A, View B, double* C, Rounding rounding = {});
/// C = A[K, M]ᵀ B[K, N].
void product_tn(View A, View B, double* C, Rounding rounding = {});

/// a + b, a step of a sum of many.
inline double add(Rounding rounding, double a, double b) {
  return rounding.narrow_sums ? round_to(Dtype::f32, a + b) : a + b;
}

/// Rounds every number.
void round_all(Rounding rounding, double* data, std::size_t n);

/// Σ x², scaled so that neither the squares nor the sum over- or underflow before the result does.
double sum_of_squares(const double* data, std::size_t n);

/// x clipped to ±limit; NaN stays NaN; limit 0 is off.
inline double clip(double x, double limit) {
  return limit <= 0 ? x : x > limit ? limit : x < -limit ? -limit : x;
}

}  // namespace gradepth::reference
