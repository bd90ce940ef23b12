#include "host/growth/jacobians/scaled_triangle.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>

namespace gradepth::growth {
namespace {

/// x · 2^exponent for an exponent of any size.
double scaled_by(double x, std::int64_t exponent) {
  return std::ldexp(x, static_cast<int>(std::clamp<std::int64_t>(exponent, -10000, 10000)));
}

/// e^ln_size · u, |u| = 1.
struct Row {
  std::vector<double> u;
  double ln_size;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Makes u a unit vector again.
void normalise(Row& row) {
  const double norm = std::sqrt(dot(row.u, row.u));
  row.ln_size += std::log(norm);  // -infinity for 0
  if (norm == 0) return;
  for (double& v : row.u) v /= norm;
}

/// Rotates two rows, `large` the longer one, so that they become orthogonal. Returns their cosine
/// before.
///
/// With ρ = |small| / |large| and g the cosine, the tangent of the angle is
/// t = 2 g ρ / (1 - ρ² + √((1 - ρ²)² + 4 g² ρ²)); the small row needs t / ρ, which stays finite
/// where ρ is below float64's range: there it only loses its part along the large one.
double orthogonalise(Row& large, Row& small) {
  if (std::isinf(small.ln_size)) return 0;
  const double g = dot(large.u, small.u);
  const double rho = std::exp(small.ln_size - large.ln_size);
  const double gap = (1 - rho) * (1 + rho);
  const double over_rho = 2 * g / (gap + std::hypot(gap, 2 * g * rho));
  if (g == 0) return 0;
  for (std::size_t i = 0; i < large.u.size(); ++i) {
    const double a = large.u[i];
    const double b = small.u[i];
    large.u[i] = a + rho * over_rho * rho * b;
    small.u[i] = b - over_rho * a;
  }
  const double t = rho * over_rho;
  const double ln_cosine = -0.5 * std::log1p(t * t);
  large.ln_size += ln_cosine;
  small.ln_size += ln_cosine;
  normalise(large);
  normalise(small);
  return std::abs(g);
}

}  // namespace

ScaledTriangle::ScaledTriangle(std::size_t n) : n_(n), u_(n * n), exponent_(n) {
  for (std::size_t i = 0; i < n; ++i) u_[i * n + i] = 1;
}

void ScaledTriangle::multiply_left(std::span<const double> R) {
  for (std::size_t i = 0; i < n_; ++i) {  // row i needs the rows from i on, which are still T's
    constexpr auto nothing = std::numeric_limits<std::int64_t>::min();
    std::int64_t top = nothing;
    for (std::size_t m = i; m < n_; ++m) {
      const double r = R[i * n_ + m];
      if (r != 0) top = std::max(top, exponent_[m] + std::ilogb(r));
    }
    std::vector<double> row(n_);
    for (std::size_t m = i; m < n_ && top != nothing; ++m) {
      const double r = scaled_by(R[i * n_ + m], exponent_[m] - top);
      for (std::size_t j = m; j < n_; ++j) row[j] += r * u_[m * n_ + j];
    }
    std::copy(row.begin(), row.end(), &u_[i * n_]);
    exponent_[i] = top == nothing ? 0 : top;
    normalise(i);
  }
}

void ScaledTriangle::keep(std::size_t n) {
  for (std::size_t i = 1; i < n; ++i) std::copy_n(&u_[i * n_], n, &u_[i * n]);
  u_.resize(n * n);
  exponent_.resize(n);
  n_ = n;
}

void ScaledTriangle::normalise(std::size_t i) {
  const auto row = std::span(u_).subspan(i * n_, n_);
  double largest = 0;
  for (const double v : row) largest = std::max(largest, std::abs(v));
  if (largest == 0) return;
  const int shift = std::ilogb(largest);
  for (double& v : row) v = std::ldexp(v, -shift);
  exponent_[i] += shift;
}

std::vector<double> ScaledTriangle::ln_singular_values() const {
  std::vector<Row> rows(n_);
  for (std::size_t i = 0; i < n_; ++i) {
    const auto begin = u_.begin() + static_cast<std::ptrdiff_t>(i * n_);
    rows[i] = {std::vector(begin, begin + static_cast<std::ptrdiff_t>(n_)),
               static_cast<double>(exponent_[i]) * std::numbers::ln2};
    growth::normalise(rows[i]);
  }
  const auto longer = [](const Row& a, const Row& b) { return a.ln_size > b.ln_size; };
  double cosine = 1;
  for (int pass = 0; pass < 60 && cosine > 1e-15 * static_cast<double>(n_); ++pass) {
    std::stable_sort(rows.begin(), rows.end(), longer);
    cosine = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = i + 1; j < n_; ++j) {
        const bool ordered = rows[i].ln_size >= rows[j].ln_size;
        Row& large = ordered ? rows[i] : rows[j];
        Row& small = ordered ? rows[j] : rows[i];
        cosine = std::max(cosine, orthogonalise(large, small));
      }
    }
  }
  std::vector<double> ln_values;
  ln_values.reserve(rows.size());
  for (const Row& row : rows) ln_values.push_back(row.ln_size);
  std::sort(ln_values.begin(), ln_values.end(), std::greater<>());
  return ln_values;
}

}  // namespace gradepth::growth
