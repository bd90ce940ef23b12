#include "host/growth/states/contributions.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }

/// The largest |x|; NaN if an element is not finite.
double largest(std::span<const double> x) {
  double result = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) return nan;
    result = std::max(result, std::abs(v));
  }
  return result;
}

/// x / scale as a matrix of `rows` rows.
Matrix scaled(std::span<const double> x, std::size_t rows, double scale) {
  const Eigen::Map<const Matrix> matrix(x.data(), index(rows), index(x.size() / rows));
  return matrix / scale;
}

/// The factors of all steps, one step's rows below another's, each step scaled to a largest element
/// of 1. What is 0 or not finite stays 0.
Matrix stacked(std::span<const Contribution> steps, std::vector<double> Contribution::*factor,
               std::size_t batch) {
  const std::size_t width = (steps.front().*factor).size() / batch;
  Matrix all = Matrix::Zero(index(steps.size() * batch), index(width));
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const double scale = largest(steps[s].*factor);
    if (!(scale > 0)) continue;
    all.middleRows(index(s * batch), index(batch)) = scaled(steps[s].*factor, batch, scale);
  }
  return all;
}

/// <C_s, C_t> / (|C_s| |C_t|) from the inner products [S, S].
std::vector<double> normalised(const Matrix& inner) {
  const Eigen::Index S = inner.rows();
  std::vector<double> cosine;
  cosine.reserve(static_cast<std::size_t>(S * S));
  for (Eigen::Index s = 0; s < S; ++s) {
    for (Eigen::Index t = 0; t < S; ++t) {
      const double norms = std::sqrt(inner(s, s)) * std::sqrt(inner(t, t));
      cosine.push_back(norms > 0 ? std::clamp(inner(s, t) / norms, -1.0, 1.0) : nan);
    }
  }
  return cosine;
}

}  // namespace

double ln_norm(const Contribution& step, std::size_t batch) {
  const double a_scale = largest(step.a);
  const double b_scale = largest(step.b);
  if (std::isnan(a_scale) || std::isnan(b_scale)) return nan;
  if (a_scale == 0 || b_scale == 0) return -infinity;
  const Matrix a = scaled(step.a, batch, a_scale);
  const Matrix b = scaled(step.b, batch, b_scale);
  double square = 0;
  if (batch == 1) {
    square = a.squaredNorm() * b.squaredNorm();
  } else if (index(batch) * (a.cols() + b.cols()) <= a.cols() * b.cols()) {
    const Matrix gram_a = a * a.transpose();
    const Matrix gram_b = b * b.transpose();
    square = gram_a.cwiseProduct(gram_b).sum();
  } else {  // a large batch: the matrix itself takes less work
    const Matrix formed = a.transpose() * b;
    square = formed.squaredNorm();
  }
  return std::log(a_scale) + std::log(b_scale) + 0.5 * std::log(std::max(0.0, square));
}

std::vector<double> cosines(std::span<const Contribution> steps, std::size_t batch) {
  if (steps.empty()) return {};
  const Matrix a = stacked(steps, &Contribution::a, batch);
  const Matrix b = stacked(steps, &Contribution::b, batch);
  Matrix products = a * a.transpose();  // [S batch, S batch]
  products.array() *= Matrix(b * b.transpose()).array();
  const Eigen::Index S = index(steps.size());
  const Eigen::Index B = index(batch);
  Matrix inner(S, S);
  for (Eigen::Index s = 0; s < S; ++s) {
    for (Eigen::Index t = 0; t < S; ++t) inner(s, t) = products.block(s * B, t * B, B, B).sum();
  }
  return normalised(inner);
}

std::vector<double> cosines(std::span<const double> steps) {
  std::vector<double> cosine;
  for (const double s : steps) {
    for (const double t : steps) {
      const bool defined = std::isfinite(s) && std::isfinite(t) && s != 0 && t != 0;
      cosine.push_back(!defined ? nan : (s > 0) == (t > 0) ? 1 : -1);
    }
  }
  return cosine;
}

}  // namespace gradepth::growth
