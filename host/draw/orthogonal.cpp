#include "host/draw/orthogonal.h"

#include <Eigen/QR>

namespace gradepth {

void orthogonalise(double* A, std::int64_t n) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<Matrix> matrix(A, n, n);
  const Eigen::HouseholderQR<Matrix> qr(matrix);
  Matrix Q = qr.householderQ();
  for (std::int64_t j = 0; j < n; ++j) {
    if (qr.matrixQR()(j, j) < 0) Q.col(j) *= -1.0;
  }
  matrix = Q;
}

}  // namespace gradepth
