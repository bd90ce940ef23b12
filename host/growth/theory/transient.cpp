#include "host/growth/theory/transient.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

/// ln of the largest singular value of M, whose largest element is about 1; the largest eigenvalue
/// of MᵀM has full accuracy.
double ln_spectral_norm(const Eigen::MatrixXd& M) {
  const Eigen::MatrixXd gram = M.transpose() * M;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram, Eigen::EigenvaluesOnly);
  return 0.5 * std::log(solver.eigenvalues().maxCoeff());
}

}  // namespace

Transient transient_growth(std::span<const double> W, std::size_t n, std::size_t steps) {
  if (W.size() != n * n) {
    throw std::invalid_argument("transient growth: " + std::to_string(W.size()) +
                                " elements, not the square of " + std::to_string(n));
  }
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = static_cast<Eigen::Index>(n);
  const Eigen::MatrixXd matrix = Eigen::Map<const RowMajor>(W.data(), size, size);
  Eigen::MatrixXd power = Eigen::MatrixXd::Identity(size, size);
  std::int64_t exponent = 0;
  Transient result{-infinity, 1, -infinity};
  for (std::size_t t = 1; t <= steps; ++t) {
    power = matrix * power;
    const double largest = power.cwiseAbs().maxCoeff();
    if (largest == 0) {  // nilpotent: nothing comes after it
      result.ln_last = -infinity;
      return result;
    }
    if (!std::isfinite(largest)) return {nan, t, nan};
    const int shift = std::ilogb(largest);
    power *= std::ldexp(1.0, -shift);
    exponent += shift;
    result.ln_last = ln_spectral_norm(power) + static_cast<double>(exponent) * std::numbers::ln2;
    // |W^t| of a rotation only moves by rounding.
    constexpr double rounding = 1e-12;
    if (result.ln_last > result.ln_max + rounding) {
      result.ln_max = result.ln_last;
      result.step = t;
    }
  }
  return result;
}

bool has_shared_matrix(const GrowthSpec& spec) {
  using enum WeightInit::Kind;
  const auto kind = spec.init.W.kind;
  const bool same_layers =
      spec.init.density == 1 && (kind == file || kind == identity || kind == constant);
  return is_dense_chain(spec) && (is_shared(spec) || same_layers);
}

std::optional<std::span<const double>> shared_matrix(const GrowthSpec& spec, const Tensors& drawn) {
  if (!has_shared_matrix(spec)) return std::nullopt;
  const auto n = static_cast<std::size_t>(spec.width);
  const char* W = is_recurrent(spec) ? "Wh" : "W";
  return std::span(drawn.find(W)->second.data).first(n * n);
}

bool transient_is_cheap(const GrowthSpec& spec) {
  constexpr double most_work = 3e7;
  const auto n = static_cast<double>(spec.width);
  return n * n * n * (static_cast<double>(spec.depth) + 10) <= most_work;
}

}  // namespace gradepth::growth
