#include "host/growth/theory/spectrum.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/text/not_finite.h"

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

}  // namespace gradepth::growth
