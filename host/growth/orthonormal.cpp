#include "host/growth/orthonormal.h"

#include <Eigen/QR>
#include <cmath>
#include <numbers>

#include "host/random.h"

namespace gradepth::growth {
namespace {

/// Number of the stream, apart from those that draw the net (initialise.cpp).
constexpr std::uint32_t stream = 0x100;

}  // namespace

std::vector<double> random_orthonormal(std::size_t n, std::size_t count, std::uint64_t seed) {
  std::vector<double> V(n * count);
  for (std::size_t i = 0; i < V.size(); ++i) {  // Gaussian numbers (Box & Muller 1958)
    const auto [u, v] = uniform_pair(seed, stream, i);
    V[i] = std::sqrt(-2.0 * std::log(1.0 - u)) * std::cos(2.0 * std::numbers::pi * v);
  }
  orthonormalise(V, n);
  return V;
}

std::vector<double> orthonormalise(std::span<double> V, std::size_t n) {
  const auto rows = static_cast<Eigen::Index>(n);
  const auto count = static_cast<Eigen::Index>(V.size() / n);
  Eigen::Map<Eigen::MatrixXd> block(V.data(), rows, count);
  // The solver's own copy is aligned, so that sums run in the same order wherever V lies.
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(block);
  const Eigen::MatrixXd Q = qr.householderQ() * Eigen::MatrixXd::Identity(rows, count);
  std::vector<double> R(static_cast<std::size_t>(count * count));
  for (Eigen::Index i = 0; i < count; ++i) {
    const double sign = qr.matrixQR()(i, i) < 0 ? -1.0 : 1.0;
    block.col(i) = sign * Q.col(i);
    for (Eigen::Index j = i; j < count; ++j) {
      R[static_cast<std::size_t>(i * count + j)] = sign * qr.matrixQR()(i, j);
    }
  }
  return R;
}

}  // namespace gradepth::growth
