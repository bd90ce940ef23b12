#include "host/growth/theory/spectrum.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/growth/theory/transient.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {

double spectral_radius(std::span<const double> W, std::size_t n) {
  if (W.size() != n * n) {
    throw std::invalid_argument("spectral radius: " + std::to_string(W.size()) +
                                " elements, not the square of " + std::to_string(n));
  }
  if (n == 0) return 0;
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> rows(W.data(), static_cast<Eigen::Index>(n),
                                      static_cast<Eigen::Index>(n));
  if (!rows.allFinite()) return nan;
  // Rows whose length is a multiple of a power of two share few cache sets (five times slower at
  // 512): an odd size adds one eigenvalue 0, which the solver splits off at once.
  const Eigen::Index padded = rows.rows() | 1;
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(padded, padded);
  matrix.topLeftCorner(rows.rows(), rows.cols()) = rows;
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(matrix, false);
  if (solver.info() != Eigen::Success) return nan;
  return solver.eigenvalues().cwiseAbs().maxCoeff();
}

double largest_root(double w, std::size_t K) {
  if (K > spectral_radius_width) return nan;
  // Of x = r / s, s about as large as the root: x^K = Σ w s^(-k) x^(K-k), k = 1 … K. A small w
  // would be lost beside the ones else, and a large one would hide them.
  const double size = std::abs(w);
  const double s = size >= 1 ? size : std::pow(size, 1 / static_cast<double>(K));
  if (s == 0) return 0;
  std::vector<double> companion(K * K);
  double coefficient = w;
  for (std::size_t k = 0; k < K; ++k) companion[k] = coefficient /= s;
  for (std::size_t k = 1; k < K; ++k) companion[k * K + k - 1] = 1;
  return s * spectral_radius(companion, K);
}

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// ln of the spectral radius of diag(slopes) W: units without a slope take no part.
double ln_radius(const Eigen::Ref<const RowMajor>& W, const Eigen::VectorXd& slopes) {
  std::vector<Eigen::Index> active;
  for (Eigen::Index i = 0; i < slopes.size(); ++i) {
    if (slopes[i] != 0) active.push_back(i);
  }
  const auto n = static_cast<Eigen::Index>(active.size());
  const RowMajor part = slopes(active).asDiagonal() * W(active, active);
  return std::log(spectral_radius({part.data(), static_cast<std::size_t>(n * n)}, active.size()));
}

}  // namespace

ActivePart active_part(const GrowthSpec& spec, const Tensors& drawn) {
  const auto shared = shared_matrix(spec, drawn);
  const bool is_turned = spec.activation->homogeneous && !has_bias(spec) && !has_input(spec);
  if (!shared || !is_turned || spec.width > facts_width) return {nan, false};
  const Eigen::Map<const RowMajor> W(shared->data(), spec.width, spec.width);
  Eigen::VectorXd h =
      Eigen::Map<const Eigen::VectorXd>(drawn.find("h0")->second.data.data(), spec.width);
  Eigen::VectorXd slopes = Eigen::VectorXd::Zero(spec.width);
  std::int64_t same_since = 0;  // the first map with these slopes
  with_activation(spec.activation, [&](auto act) {
    using Act = decltype(act);
    for (std::int64_t l = 0; l < spec.depth; ++l) {
      const Eigen::VectorXd a = W * h;
      const Eigen::VectorXd now = a.unaryExpr([](double x) { return exact_slope<Act>(x); });
      if (now != slopes) same_since = l;
      slopes = now;
      h = a.unaryExpr([](double x) { return exact_value<Act>(x); });
      const double norm = h.norm();
      if (norm > 0) h /= norm;
    }
  });
  return {ln_radius(W, slopes), 3 * same_since <= 2 * spec.depth};
}

}  // namespace gradepth::growth
