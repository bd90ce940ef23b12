#include "host/growth/jacobians/orthonormal.h"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "host/draw/random.h"

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

namespace {

/// Where rows differ in size by more than a hundred million, or the square of a column's norm
/// leaves float64's range, columns become ones of size 1 and rows are put in order of their size: a
/// reflection that meets small rows last keeps their digits (Cox & Higham 1998).
class Balance {
 public:
  explicit Balance(Eigen::Ref<Eigen::MatrixXd> V)
      : order_(V.rows()), exponents_(static_cast<std::size_t>(V.cols()), 0), rounding_(V.cols()) {
    order_.setIdentity();
    const double eps = static_cast<double>(V.rows()) * std::numeric_limits<double>::epsilon();
    rounding_.setConstant(eps * stable_norm(V));
    if (V.size() == 0 || !V.allFinite() || !needs_balance(V)) return;
    for (Eigen::Index j = 0; j < V.cols(); ++j) {
      const double size = V.col(j).cwiseAbs().maxCoeff();
      if (size == 0) continue;
      const int exponent = exponents_[static_cast<std::size_t>(j)] = std::ilogb(size);
      for (double& x : V.col(j)) x = std::ldexp(x, -exponent);
    }
    const Eigen::VectorXd heights = V.cwiseAbs().rowwise().maxCoeff();
    std::vector<int> by_size(static_cast<std::size_t>(V.rows()));
    std::iota(by_size.begin(), by_size.end(), 0);
    std::stable_sort(by_size.begin(), by_size.end(),
                     [&](int a, int b) { return heights(a) > heights(b); });
    for (std::size_t i = 0; i < by_size.size(); ++i) {
      order_.indices()(by_size[i]) = static_cast<int>(i);
    }
    for (Eigen::Index i = 0; i < V.cols(); ++i) {
      rounding_(i) = restored(eps * heights(by_size[static_cast<std::size_t>(i)]), i);
    }
    V = order_ * V;
  }

  /// Rows where they were.
  void restore(Eigen::Ref<Eigen::MatrixXd> Q) const { Q = order_.transpose() * Q; }
  /// An element of column j as it would have been.
  [[nodiscard]] double restored(double x, Eigen::Index j) const {
    return std::ldexp(x, exponents_[static_cast<std::size_t>(j)]);
  }
  [[nodiscard]] std::vector<double> rounding() const {
    return {rounding_.begin(), rounding_.end()};
  }

 private:
  static double stable_norm(const Eigen::Ref<const Eigen::MatrixXd>& V) {
    double largest = 0;
    for (Eigen::Index j = 0; j < V.cols(); ++j) largest = std::max(largest, V.col(j).stableNorm());
    return largest;
  }
  static bool needs_balance(const Eigen::Ref<const Eigen::MatrixXd>& V) {
    constexpr double far = 1e100;
    constexpr double wide = 1e8;
    const Eigen::VectorXd heights = V.cwiseAbs().rowwise().maxCoeff();
    const Eigen::RowVectorXd sizes = V.cwiseAbs().colwise().maxCoeff();
    const bool out = std::any_of(sizes.begin(), sizes.end(), [](double size) {
      return size > 0 && (size > far || size < 1 / far);
    });
    return out || heights.maxCoeff() > wide * heights.minCoeff();
  }

  Eigen::PermutationMatrix<Eigen::Dynamic> order_;
  std::vector<int> exponents_;
  Eigen::VectorXd rounding_;
};

}  // namespace

Triangle orthonormalise(std::span<double> V, std::size_t n) {
  const auto rows = static_cast<Eigen::Index>(n);
  const auto count = static_cast<Eigen::Index>(V.size() / n);
  Eigen::Map<Eigen::MatrixXd> block(V.data(), rows, count);
  const Balance balance(block);
  // The solver's own copy is aligned, so that sums run in the same order wherever V lies.
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(block);
  const Eigen::MatrixXd Q = qr.householderQ() * Eigen::MatrixXd::Identity(rows, count);
  std::vector<double> R(static_cast<std::size_t>(count * count));
  for (Eigen::Index i = 0; i < count; ++i) {
    const double sign = qr.matrixQR()(i, i) < 0 ? -1.0 : 1.0;
    block.col(i) = sign * Q.col(i);
    for (Eigen::Index j = i; j < count; ++j) {
      R[static_cast<std::size_t>(i * count + j)] = balance.restored(sign * qr.matrixQR()(i, j), j);
    }
  }
  balance.restore(block);
  return {std::move(R), balance.rounding()};
}

}  // namespace gradepth::growth
