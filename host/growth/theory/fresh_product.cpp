#include "host/growth/theory/fresh_product.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <numbers>

#include "host/growth/study/resolve.h"
#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

/// E f'⁴ / (E f'²)² at pre-activation variance q.
double slope_kurtosis(Activation activation, double q) {
  double k = 1;
  with_activation(activation, [&](auto act) {
    using Act = decltype(act);
    const double s = std::sqrt(std::clamp(q, 1e-40, 1e40));
    const auto power = [&](int n) {
      return gaussian_expectation([&](double x) { return std::pow(Act::slope(x), n); }, s,
                                  Act::kinks);
    };
    k = power(4) / (power(2) * power(2));
  });
  return k;
}

/// What a sparse W [N, N] adds to the relative variance of |g|² per map. With a share p of W drawn,
/// slopes f' with k = E f'⁴ / (E f'²)², A = 3k/N, B = 1/p - 1 and m = Σ g⁴ / (Σ g²)²,
///   Var |g'|² / (E |g'|²)² = A (1 + B m) - 1/N =: V,  m' = A (1 + B m) / (1 + V):
/// a unit of more links than others gathers gradient, and passes it on. Of m at rest, A B m.
double gathering(const GrowthSpec& spec, double k) {
  if (is_structured(spec)) return infinity;
  const auto N = static_cast<double>(spec.net == "cnn" ? image::taps * spec.width : spec.width);
  const double A = 3 * k / N;
  const double AB = A * (1 / spec.init.density - 1);
  const double c = 1 - 1 / N + A - AB;
  return AB * 2 * A / (c + std::sqrt(c * c + 4 * AB * A));  // AB m² + c m = A
}
/// From here on few units carry |g|, its logarithm is skewed, and there is no theory.
constexpr double most_gathering = 0.1;

/// Fresh dense maps are independent: means and variances add up, and the spread grows with √L.
std::optional<TotalMoments> total_of_fresh_maps(const GrowthSpec& spec, double rate,
                                                double variance) {
  if (is_sparse(spec)) return std::nullopt;
  const auto L = static_cast<double>(spec.depth);
  return TotalMoments{L * rate, std::sqrt(L * variance)};
}

/// One vector from `sphere` through fresh Gaussian matrices, f of no bias and no input.
bool gaussian_chain(const GrowthSpec& spec) {
  const bool dense_layers = spec.net == "mlp" || spec.net == "elman";
  const bool starts = spec.h0_fixed_point || spec.init.h0.scale != 0;
  return dense_layers && !is_shared(spec) && has_gaussian_weights(spec) && !has_bias(spec) &&
         !has_input(spec) && has_one_unit_gradient(spec) && starts &&
         sigma_w2(spec).value_or(0) > 0;
}

/// Mean and variance of ln χ²_K, but for ln 2, K ~ Bin(N, 1/2) given K >= 1: those of ψ(K/2), and
/// to the variance E ψ₁(K/2).
struct LogChiSquare {
  double mean;
  double variance;
};
LogChiSquare log_chi_square_of_active(std::int64_t N) {
  const auto n = static_cast<double>(N);
  const double reach = 20 * std::sqrt(n);  // 40 standard deviations
  const auto first = static_cast<std::int64_t>(std::max(1.0, std::floor(0.5 * n - reach)));
  const auto last = static_cast<std::int64_t>(std::min(n, std::ceil(0.5 * n + reach)));
  const boost::math::binomial coins(n, 0.5);
  double mass = 0;
  double sum = 0;
  double squares = 0;  // ψ(N/4) taken off: ψ(K/2) hardly moves
  double within = 0;
  const double centre = boost::math::digamma(0.25 * n);
  for (std::int64_t K = first; K <= last; ++K) {
    const auto k = static_cast<double>(K);
    const double p = boost::math::pdf(coins, k);
    const double away = boost::math::digamma(0.5 * k) - centre;
    mass += p;
    sum += p * away;
    squares += p * away * away;
    within += p * boost::math::trigamma(0.5 * k);
  }
  const double mean = sum / mass;
  return {centre + mean, squares / mass - mean * mean + within / mass};
}

}  // namespace

bool is_carried_by_few(const GrowthSpec& spec, double q) {
  return is_sparse(spec) && !(gathering(spec, slope_kurtosis(spec.activation, q)) < most_gathering);
}

std::optional<Theory> gaussian_product(const GrowthSpec& spec) {
  const bool dense_layers = spec.net == "mlp" || spec.net == "elman";
  const double sigma2 = sigma_w2(spec).value_or(0);
  if (!dense_layers || is_shared(spec) || spec.activation != "identity" ||
      !has_gaussian_weights(spec) || gathering(spec, 1) >= most_gathering || spec.batch != 1 ||
      sigma2 == 0) {
    return std::nullopt;
  }
  const auto N = static_cast<double>(spec.width);
  const double rate = 0.5 * (boost::math::digamma(0.5 * N) + std::log(2 * sigma2 / N));
  const double variance = 0.25 * boost::math::trigamma(0.5 * N);
  return Theory{
      .rate = rate - 0.25 * gathering(spec, 1),
      .formula = !is_sparse(spec) ? "1/2 [psi(N/2) + ln(2 s_w^2 / N)]"
                                  : "1/2 [psi(N/2) + ln(2 s_w^2 / N)] - 1/4 A B m, A = 3/N, "
                                    "B = 1/density - 1, A B m^2 + (1 - 1/N + A - A B) m = A",
      .source = !is_sparse(spec) ? "Newman 1986" : "Newman 1986; sparse: host/growth/README.md",
      .total = total_of_fresh_maps(spec, rate, variance)};
}

std::optional<Theory> finite_width_relu(const GrowthSpec& spec) {
  if (!gaussian_chain(spec) || spec.activation != "relu" || gathering(spec, 2) >= most_gathering) {
    return std::nullopt;
  }
  const double sigma2 = sigma_w2(spec).value_or(0);
  const auto N = static_cast<double>(spec.width);
  const LogChiSquare active = log_chi_square_of_active(spec.width);
  const double rate = 0.5 * (std::log(2 * sigma2 / N) + active.mean);
  return Theory{.rate = rate - 0.25 * gathering(spec, 2),
                .formula = !is_sparse(spec)
                               ? "1/2 [ln(2 s_w^2 / N) + E psi(K/2)], K ~ Bin(N, 1/2), K >= 1"
                               : "1/2 [ln(2 s_w^2 / N) + E psi(K/2)] - 1/4 A B m, K ~ Bin(N, 1/2), "
                                 "K >= 1, A = 6/N, B = 1/density - 1, "
                                 "A B m^2 + (1 - 1/N + A - A B) m = A",
                .source = "He et al. 2015; at width N: host/growth/README.md",
                .q = std::nullopt,
                .chi = 0.5 * sigma2,
                .critical_sigma = std::numbers::sqrt2,
                .xi = depth_scale(0.5 * sigma2),
                .total = total_of_fresh_maps(spec, rate, 0.25 * active.variance)};
}

std::optional<RatioMoments> ratio_moments(const GrowthSpec& spec) {
  const bool relu = spec.activation == "relu";
  const std::optional<double> sigma2 = sigma_w2(spec);
  if (!sigma2 || !gaussian_chain(spec) || is_sparse(spec) ||
      (!relu && spec.activation != "identity")) {
    return std::nullopt;
  }
  const auto L = static_cast<double>(spec.depth);
  const auto N = static_cast<double>(spec.width);
  const double chi = *sigma2 * (relu ? 0.5 : 1.0);
  const double mean = std::pow(chi, L);
  return RatioMoments{mean, mean * mean * std::expm1(L * std::log1p((relu ? 5.0 : 2.0) / N))};
}

}  // namespace gradepth::growth
