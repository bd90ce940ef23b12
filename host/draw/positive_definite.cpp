#include "host/draw/positive_definite.h"

#include <Eigen/Eigenvalues>

namespace gradepth {

void normalise_positive_definite(double* R, std::int64_t n) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<Matrix> W(R, n, n);
  Matrix shifted = Matrix::Identity(n, n);
  shifted.noalias() += W.transpose() * W / static_cast<double>(n);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(shifted, Eigen::EigenvaluesOnly);
  W = shifted / solver.eigenvalues().maxCoeff();
}

}  // namespace gradepth
