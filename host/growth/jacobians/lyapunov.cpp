#include "host/growth/jacobians/lyapunov.h"

#include <boost/math/special_functions/digamma.hpp>
#include <cmath>
#include <stdexcept>

#include "host/growth/jacobians/orthonormal.h"
#include "host/growth/jacobians/qr_march.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/mean_field.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;

std::optional<LyapunovTheory> gaussian_products(const GrowthSpec& spec, std::size_t count) {
  const double sigma2 = sigma_w2(spec).value_or(0);
  if (!is_dense_chain(spec) || spec.activation != "identity" || is_shared(spec) ||
      !has_gaussian_weights(spec) || is_sparse(spec) || sigma2 == 0) {
    return std::nullopt;
  }
  const auto N = static_cast<double>(spec.width);
  LyapunovTheory theory{{}, "1/2 [psi((N - i + 1)/2) + ln(2 s_w^2 / N)]", "Newman 1986"};
  for (std::size_t i = 0; i < count; ++i) {
    const double freedom = N - static_cast<double>(i);
    theory.exponents.push_back(0.5 *
                               (boost::math::digamma(0.5 * freedom) + std::log(2 * sigma2 / N)));
  }
  return theory;
}

std::optional<LyapunovTheory> orthogonal_products(const GrowthSpec& spec, std::size_t count) {
  const WeightInit& W = spec.init.W;
  const bool chain = is_plain_chain(spec);
  const bool orthogonal = W.kind == Kind::orthogonal || W.kind == Kind::identity;
  if (!chain || spec.activation != "identity" || !orthogonal || is_sparse(spec) || W.scale == 0) {
    return std::nullopt;
  }
  return LyapunovTheory{std::vector<double>(count, std::log(std::abs(W.scale))),
                        "ln rho, W = rho Q, f = identity", "Saxe et al. 2013"};
}

/// At a long time the states of a wide autonomous net with one W are as random as with fresh ones.
std::optional<LyapunovTheory> chaotic_tanh(const GrowthSpec& spec, std::size_t count) {
  const double sigma2 = sigma_w2(spec).value_or(0);
  const bool autonomous =
      !spec.init.has_input() && spec.init.bias.scale == 0 && spec.init.h0.scale != 0;
  if (!is_dense_chain(spec) || !is_shared(spec) || spec.activation != "tanh" ||
      !has_gaussian_weights(spec) || !autonomous || sigma2 <= 1 || count == 0) {
    return std::nullopt;
  }
  const MeanField field{spec.activation, sigma2, 0};
  const std::optional<double> q = field.limit_q(std::log(sigma2));
  if (!q) return std::nullopt;
  return LyapunovTheory{{0.5 * std::log(field.chi(*q))}, "first: 1/2 ln chi(q)", "mean field"};
}

}  // namespace

std::vector<double> lyapunov_exponents(const Jacobians& jacobians, std::size_t count,
                                       std::uint64_t seed) {
  const std::size_t n = jacobians.state_size();
  if (count > n) {
    throw std::invalid_argument("lyapunov " + std::to_string(count) + ": from 0 (off) to " +
                                std::to_string(n) + ", the elements of one sample's state");
  }
  std::vector<double> exponents(count, nan);
  if (!jacobians.finite()) return exponents;
  const std::size_t burn_in = fit_window(jacobians.maps()).first;
  std::vector<double> sums(count, 0.0);
  std::vector<double> V = random_orthonormal(n, count, seed);
  const bool finite = qr_march(jacobians, Direction::forward, burn_in, V,
                               [&](std::size_t done, std::span<const double> R, std::size_t kept) {
                                 for (std::size_t i = 0; i < kept && done > burn_in; ++i) {
                                   sums[i] += std::log(R[i * kept + i]);
                                 }
                               });
  if (!finite) return exponents;
  const auto maps = static_cast<double>(jacobians.maps() - burn_in);
  for (std::size_t i = 0; i < count; ++i) {
    exponents[i] = i < V.size() / n ? sums[i] / maps : -infinity;
  }
  return exponents;
}

std::optional<LyapunovTheory> lyapunov_theory(const GrowthSpec& given, std::size_t count) {
  if (given.init.weights) return std::nullopt;  // trained, not drawn
  GrowthSpec spec = given;
  spec.init.W = resolve_weights(given);
  for (const auto& candidate : {gaussian_products, orthogonal_products, chaotic_tanh}) {
    if (std::optional<LyapunovTheory> theory = candidate(spec, count)) return theory;
  }
  return std::nullopt;
}

}  // namespace gradepth::growth
