#include "host/providers/reference_math.h"

#include <algorithm>

namespace gradepth::reference {

Vector transposed(View A) {
  Vector out(static_cast<std::size_t>(A.rows * A.cols));
  for (std::int64_t i = 0; i < A.rows; ++i) {
    for (std::int64_t j = 0; j < A.cols; ++j) {
      out[static_cast<std::size_t>(j * A.rows + i)] = A.data[i * A.cols + j];
    }
  }
  return out;
}

void product(View A, View B, double* C, bool accumulate) {
  const std::int64_t M = A.rows;
  const std::int64_t N = B.cols;
  const std::int64_t K = A.cols;
  // Whole rows of B are added up, so that the compiler can use vectors without reordering any sum;
  // columns go in strips that stay in the nearest cache.
  constexpr std::int64_t strip = 512;
#ifdef _OPENMP
#pragma omp parallel for collapse(2) schedule(static) if (M * N * K > 100000)
#endif
  for (std::int64_t i = 0; i < M; ++i) {
    for (std::int64_t j0 = 0; j0 < N; j0 += strip) {
      const std::int64_t j1 = std::min(N, j0 + strip);
      double* c = C + i * N;
      if (!accumulate) std::fill(c + j0, c + j1, 0.0);
      for (std::int64_t k = 0; k < K; ++k) {
        const double a = A.data[i * K + k];
        const double* b = B.data + k * N;
        for (std::int64_t j = j0; j < j1; ++j) c[j] += a * b[j];
      }
    }
  }
}

void product_nt(View A, View B, double* C, bool accumulate) {
  const Vector Bt = transposed(B);
  product(A, {Bt.data(), B.cols, B.rows}, C, accumulate);
}

void product_tn(View A, View B, double* C, bool accumulate) {
  const Vector At = transposed(A);
  product({At.data(), A.cols, A.rows}, B, C, accumulate);
}

void round_all(Rounding rounding, double* data, std::size_t n) {
  if (rounding.dtype == Dtype::f64) return;
  std::transform(data, data + n, data, [=](double x) { return round_to(rounding, x); });
}

double sum_of_squares(const double* data, std::size_t n) {
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(data[i])) return data[i] * data[i];
    largest = std::max(largest, std::abs(data[i]));
  }
  if (largest == 0) return 0;
  const double scale = std::exp2(std::ilogb(largest));  // a power of two: exact
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += (data[i] / scale) * (data[i] / scale);
  return sum * scale * scale;
}

}  // namespace gradepth::reference
