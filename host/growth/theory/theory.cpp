#include "host/growth/theory/theory.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <numbers>
#include <sstream>
#include <vector>

#include "host/draw/pytorch.h"
#include "host/growth/states/gate_inputs.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/gated.h"
#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "host/growth/theory/residual.h"
#include "host/growth/theory/spectrum.h"
#include "host/growth/theory/transient.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;

bool no_bias(const GrowthSpec& spec) {
  return spec.init.bias.scale == 0 && (!spec.init.weights || !has_bias(*spec.init.weights));
}
bool no_input(const GrowthSpec& spec) {
  return !spec.init.has_input() && (!spec.init.weights || !spec.init.weights->has_inputs());
}
bool dense(const GrowthSpec& spec) { return spec.init.density == 1; }
/// Whether units may have more links than others, or neighbours: what theory here leaves out.
bool has_structure(const GrowthSpec& spec) {
  return !dense(spec) && spec.init.sparsity != Sparsity::independent;
}
bool unit_sphere(const GrowthSpec& spec) {
  return spec.init.loss == Initialisation::LossGradient::sphere && spec.batch == 1;
}
bool gaussian_weights(const GrowthSpec& spec) {
  const Kind kind = spec.init.W.kind;
  return kind == Kind::gaussian || kind == Kind::xavier || kind == Kind::he;
}

double slope_at_0(Activation activation) {
  double slope = 0;
  with_activation(activation, [&](auto act) { slope = act.slope(0.0); });
  return slope;
}

std::optional<Theory> additive(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  if (spec.net != "additive" || spec.init.W.kind != Kind::constant || spec.init.W.scale == 0) {
    return std::nullopt;
  }
  const double w = spec.init.W.scale;
  if (spec.form == AdditiveForm::two_term) {
    return Theory{.rate = two_term_rate(w),
                  .formula = "ln of the largest root modulus of r^2 = w (r + 1)",
                  .source = "characteristic roots"};
  }
  if (spec.form.within(spec.depth) < spec.depth) {
    const double rate = std::log(largest_root(w, static_cast<std::size_t>(spec.form.terms)));
    if (!std::isfinite(rate)) return std::nullopt;
    return Theory{.rate = rate,
                  .formula = "ln of the largest root modulus of r^K = w (r^(K-1) + … + 1)",
                  .source = "characteristic roots"};
  }
  if (w == -1) return std::nullopt;  // the derivative is 0 from the second step on
  return Theory{.rate = additive_sum_rate(w), .formula = "ln |1 + w|", .source = "recurrence"};
}

/// With recurrent weights 0 the gates do not see h: dc_T/dc_0 = sigmoid(b_f)^T, for the GRU
/// dh_T/dh_0 = sigmoid(b_z)^T, and for the MGU (1 - sigmoid(b_f))^T. A loss on an LSTM's h reaches
/// c in its first step back, which only fits of L < 20 would see.
std::optional<Theory> gate_path(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  const bool lstm = spec.net == "lstm";
  const bool mgu = spec.net == "mgu";
  const bool no_weights = spec.init.W.scale == 0 && spec.init.W.kind != Kind::file &&
                          spec.init.W.kind != Kind::he && spec.init.W.kind != Kind::xavier;
  const bool constant_bias =
      spec.init.bias.kind == ValueInit::Kind::constant || spec.init.bias.scale == 0;
  if ((!lstm && !mgu && spec.net != "gru") || !no_weights || !constant_bias ||
      spec.init.chrono != 0 || !no_input(spec)) {
    return std::nullopt;
  }
  if (lstm && spec.init.loss_on != Initialisation::LossOn::c && spec.depth < 20) {
    return std::nullopt;
  }
  const double constant =
      spec.init.bias.kind == ValueInit::Kind::constant ? spec.init.bias.scale : 0.0;
  const double bias = mgu ? -constant : constant + spec.init.forget_bias;
  return Theory{.rate = -Softplus::value(-bias),  // ln sigmoid(b); 1 - sigmoid(b) = sigmoid(-b)
                .formula = lstm  ? "ln sigmoid(b_f)"
                           : mgu ? "ln (1 - sigmoid(b_f))"
                                 : "ln sigmoid(b_z)",
                .source = "definition, recurrent weights 0"};
}

/// Linear maps by a multiple of an orthogonal matrix: every singular value of the product is ρ^d.
std::optional<Theory> linear_orthogonal(const GrowthSpec& spec,
                                        std::span<const DrawnFacts> /*seeds*/) {
  const WeightInit& W = spec.init.W;
  const bool orthogonal = W.kind == Kind::orthogonal || W.kind == Kind::identity;
  if (!is_plain_chain(spec) || spec.activation != "identity" || !orthogonal || !dense(spec) ||
      W.scale == 0) {
    return std::nullopt;
  }
  return Theory{.rate = std::log(std::abs(W.scale)),
                .formula = "ln rho, W = rho Q, f = identity",
                .source = "Saxe et al. 2013"};
}

/// W = ρ I, ReLU, no bias, no input: units with h0 > 0 are multiplied by ρ, the others are cut at
/// the first map and stay so. With h0 ≤ 0 everywhere the gradient is 0 (ReLU'(0) = 0).
std::optional<Theory> irnn(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  const WeightInit& W = spec.init.W;
  const bool some_positive = spec.init.h0.kind == ValueInit::Kind::constant
                                 ? spec.init.h0.scale > 0
                                 : spec.init.h0.scale != 0;
  if (!is_plain_chain(spec) || spec.activation != "relu" || W.kind != Kind::identity ||
      W.scale <= 0 || !dense(spec) || !no_bias(spec) || !no_input(spec) || !some_positive) {
    return std::nullopt;
  }
  return Theory{.rate = std::log(W.scale),
                .formula = "ln rho, W = rho I, on the units with h0 > 0",
                .source = "Le, Jaitly & Hinton 2015"};
}

std::vector<double> of_seeds(std::span<const DrawnFacts> seeds, double DrawnFacts::*fact) {
  std::vector<double> values;
  for (const DrawnFacts& seed : seeds) values.push_back(seed.*fact);
  return values;
}

std::optional<Theory> scalar_chain(const GrowthSpec& spec, std::span<const DrawnFacts> seeds) {
  const Interval mean = mean_interval(of_seeds(seeds, &DrawnFacts::scalar_rate));
  if (!is_scalar_chain(spec) || !std::isfinite(mean.value)) return std::nullopt;
  return Theory{.rate = mean.value,
                .formula = "slope of sum ln |w_l f'(a_l)| over the drawn numbers",
                .source = "chain rule"};
}

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
  if (has_structure(spec)) return infinity;
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
  if (!dense(spec)) return std::nullopt;
  const auto L = static_cast<double>(spec.depth);
  return TotalMoments{L * rate, std::sqrt(L * variance)};
}

/// One vector through fresh Gaussian matrices: ln|Wᵀv|² is ln(σ_w²/N) plus a log-chi-square of N.
std::optional<Theory> gaussian_product(const GrowthSpec& spec,
                                       std::span<const DrawnFacts> /*seeds*/) {
  const bool dense_layers = spec.net == "mlp" || spec.net == "elman";
  const double sigma2 = sigma_w2(spec).value_or(0);
  if (!dense_layers || is_shared(spec) || spec.activation != "identity" ||
      !gaussian_weights(spec) || gathering(spec, 1) >= most_gathering || spec.batch != 1 ||
      sigma2 == 0) {
    return std::nullopt;
  }
  const auto N = static_cast<double>(spec.width);
  const double rate = 0.5 * (boost::math::digamma(0.5 * N) + std::log(2 * sigma2 / N));
  const double variance = 0.25 * boost::math::trigamma(0.5 * N);
  return Theory{
      .rate = rate - 0.25 * gathering(spec, 1),
      .formula = dense(spec) ? "1/2 [psi(N/2) + ln(2 s_w^2 / N)]"
                             : "1/2 [psi(N/2) + ln(2 s_w^2 / N)] - 1/4 A B m, A = 3/N, "
                               "B = 1/density - 1, A B m^2 + (1 - 1/N + A - A B) m = A",
      .source = dense(spec) ? "Newman 1986" : "Newman 1986; sparse: host/growth/README.md",
      .total = total_of_fresh_maps(spec, rate, variance)};
}

/// One vector from `sphere` through fresh Gaussian matrices, f of no bias and no input.
bool gaussian_chain(const GrowthSpec& spec) {
  const bool dense_layers = spec.net == "mlp" || spec.net == "elman";
  const bool starts = spec.h0_fixed_point || spec.init.h0.scale != 0;
  return dense_layers && !is_shared(spec) && gaussian_weights(spec) && no_bias(spec) &&
         no_input(spec) && unit_sphere(spec) && starts && sigma_w2(spec).value_or(0) > 0;
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

/// A ReLU lets K of N units through, each a fair coin, and the gradient's direction is uniform at
/// every map: |g|² is multiplied by σ_w²/N and a chi-square of K, where K >= 1.
std::optional<Theory> finite_width_relu(const GrowthSpec& spec,
                                        std::span<const DrawnFacts> /*seeds*/) {
  if (!gaussian_chain(spec) || spec.activation != "relu" || gathering(spec, 2) >= most_gathering) {
    return std::nullopt;
  }
  const double sigma2 = sigma_w2(spec).value_or(0);
  const auto N = static_cast<double>(spec.width);
  const LogChiSquare active = log_chi_square_of_active(spec.width);
  const double rate = 0.5 * (std::log(2 * sigma2 / N) + active.mean);
  return Theory{.rate = rate - 0.25 * gathering(spec, 2),
                .formula = dense(spec)
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

/// h = 0 is a fixed point of an odd f, without bias and input: near it every map is f'(0) W.
bool rests_at_0(const GrowthSpec& spec) {
  return is_plain_chain(spec) && spec.activation->odd && no_bias(spec) && no_input(spec);
}

/// W a multiple of an orthogonal matrix: the spectral radius is known.
std::optional<Theory> linear_at_0(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  const WeightInit& W = spec.init.W;
  const bool orthogonal = W.kind == Kind::orthogonal || W.kind == Kind::identity;
  const double radius = std::abs(W.scale) * slope_at_0(spec.activation);
  if (!rests_at_0(spec) || !orthogonal || !dense(spec) || radius >= 1 || radius == 0) {
    return std::nullopt;
  }
  return Theory{.rate = std::log(radius),
                .formula = "ln(rho f'(0)), rest at 0, W = rho Q",
                .source = "linearisation at 0"};
}

/// A shared W of known eigenvalues, f linear for ever (identity) or in the end (at rest at 0). A
/// seed whose radius is above 1 does not rest: it is left out, and with half of them there is no
/// theory.
std::optional<Theory> measured_radius(const GrowthSpec& spec, std::span<const DrawnFacts> seeds) {
  const bool linear = is_plain_chain(spec) && is_linear(spec.activation);
  if (!linear && !rests_at_0(spec)) return std::nullopt;
  const double ln_slope = std::log(slope_at_0(spec.activation));
  std::vector<double> ln_factors;
  for (const DrawnFacts& seed : seeds) {
    const double ln_factor = seed.ln_radius + ln_slope;
    if (!std::isfinite(ln_factor) || (!linear && ln_factor >= 0)) continue;
    ln_factors.push_back(ln_factor);
  }
  if (2 * ln_factors.size() <= seeds.size()) return std::nullopt;
  std::optional<TotalMoments> total;
  if (linear && seeds.size() > 1) {
    const auto L = static_cast<double>(spec.depth);
    total = {L * mean(ln_factors), L * std::sqrt(variance(ln_factors))};
  }
  return Theory{.rate = mean(ln_factors),
                .formula = linear ? "mean of ln r, r the measured spectral radius of W"
                                  : "mean of ln(r f'(0)) over seeds where it is below 0, r the "
                                    "measured spectral radius of W",
                .source = linear ? "eigenvalues of W" : "linearisation at 0",
                .total = total};
}

/// Whether one W for all maps does what fresh ones do: as long as its own directions have not been
/// found, L² small against N. Where f(c x) = c f(x) they are found for good; other nets forget.
bool is_as_if_fresh(const GrowthSpec& spec) {
  if (!is_shared(spec)) return true;
  const auto L = static_cast<double>(spec.depth);
  const auto links = static_cast<double>(is_cnn(spec) ? image::taps * spec.width : spec.width);
  return gaussian_weights(spec) && (!spec.activation->homogeneous || L * L <= links);
}

/// Whether there are maps with Gaussian input, and behind them some without.
bool input_ends(const GrowthSpec& spec) {
  return spec.init.is_driven_at(1) && !spec.init.is_driven_at(spec.depth);
}

/// q is carried with the noise of each map. Where the input ends on the way, q, χ, σ_w and ξ at
/// rest are of what comes behind it; h0 `fixed-point` is that of the maps with input.
std::optional<Theory> mean_field(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  const std::optional<double> sigma2 = sigma_w2(spec);
  const auto noise_at = [&](std::int64_t map) {
    const std::optional<double> noise = noise_variance(spec, map);
    return is_linear(spec.activation) ? noise.value_or(0.0) : noise;
  };
  const std::optional<double> noise = noise_at(spec.depth);
  if (!is_plain_chain(spec) || !sigma2 || !noise || !is_as_if_fresh(spec) || *sigma2 == 0 ||
      !std::isfinite(*sigma2) || !std::isfinite(*noise)) {
    return std::nullopt;
  }
  const MeanField first{spec.activation, *sigma2, *noise_at(1)};
  const MeanField field{spec.activation, *sigma2, *noise};  // of the last map, and of all to come
  Theory theory;
  theory.critical_sigma = critical_sigma(spec.activation, *noise);
  // An impulse is 1 at the first map.
  const double added =
      first.noise + (spec.init.input == Initialisation::Input::impulse ? 1.0 : 0.0);
  double ln_start = ln_sum(std::log(*sigma2) + ln_start_variance(spec), std::log(added));
  if (spec.h0_fixed_point) ln_start = std::log(first.stable_q().back());
  const auto L = static_cast<std::size_t>(spec.depth);
  const bool ends = input_ends(spec);
  const std::size_t driven = ends ? static_cast<std::size_t>(*spec.init.input_until) : L;
  Carried carried = carry(first, ln_start, driven);
  if (ends) {
    ln_start = field.next_ln_q(carried.ln_q);  // of the first map without input
    const Carried after = carry(field, ln_start, L - driven);
    carried.ln_chi.insert(carried.ln_chi.end(), after.ln_chi.begin(), after.ln_chi.end());
    carried.ln_q = after.ln_q;
  }
  const std::optional<double> q = spec.h0_fixed_point && !ends
                                      ? std::optional(first.stable_q().back())
                                      : field.limit_q(ln_start);
  theory.rate = window_rate(carried.ln_chi);
  if (!std::isfinite(theory.rate)) return std::nullopt;
  theory.by_map = ln_norm_by_map(carried.ln_chi);
  theory.q = q ? *q : std::exp(carried.ln_q);
  theory.chi = q ? field.chi(*q) : std::exp(carried.ln_chi.back());
  if (!dense(spec) &&
      !(gathering(spec, slope_kurtosis(spec.activation, *theory.q)) < most_gathering)) {
    return std::nullopt;
  }
  theory.formula =
      std::string("1/2 ln chi(q_l), q = s_w^2 E f^2 + s_b^2") +
      (spec.init.is_driven_at(1) ? " + S^2" : "") +
      (ends ? " up to map " + std::to_string(driven) + ", without S^2 after it," : "") +
      " carried from the start";
  if (q || spec.activation->homogeneous) {  // χ is the same for every q
    theory.asymptotic = 0.5 * std::log(*theory.chi);
    theory.xi = depth_scale(*theory.chi);
    if (q) theory.xi_q = depth_scale(field.q_slope(*q));
  }
  theory.source =
      spec.net == "cnn" ? "Xiao et al. 2018" : "Poole et al. 2016; Schoenholz et al. 2017";
  return theory;
}

std::optional<Theory> gru(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  if (has_structure(spec)) return std::nullopt;
  return gru_theory(spec);
}

std::optional<Theory> residual(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  if (is_shared(spec) || has_structure(spec)) return std::nullopt;  // its branches are not fresh
  std::optional<Theory> theory = residual_theory(spec);
  const std::optional<double> sigma2 = sigma_w2(spec);
  const bool width_term = spec.residual == Residual::preact && spec.activation == "relu" &&
                          dense(spec) && gaussian_weights(spec) && no_bias(spec) &&
                          unit_sphere(spec);
  if (theory && sigma2 && width_term) {
    // The fit's middle is half of the depth away from the start.
    const double term = preact_relu_width_term(0.5 * *sigma2, spec.depth / 2);
    theory->rate += term / static_cast<double>(spec.width);
    for (double& x : theory->by_map) x += term / static_cast<double>(spec.width);
    std::ostringstream formula;
    formula << "1/2 ln(1 + s_w^2 / 2) and a term of order 1/N, " << term << " / N";
    theory->formula = formula.str();
    theory->source = "Yang & Schoenholz 2017; 1/N: host/growth/theory/residual.h";
  }
  return theory;
}

/// Of the squared ratio over L maps. One Gaussian map multiplies the square by σ_w² χ²_N / N, of
/// second moment σ_w⁴ (1 + 2/N). Behind a ReLU, a fair coin for each of the N squares that add up,
/// (N + 5) / N in all (Hanin & Nica 2018): the direction of the vector is uniform at every map.
std::optional<RatioMoments> ratio_moments(const GrowthSpec& spec) {
  const bool relu = spec.activation == "relu";
  const std::optional<double> sigma2 = sigma_w2(spec);
  if (!sigma2 || !gaussian_chain(spec) || !dense(spec) ||
      (!relu && spec.activation != "identity")) {
    return std::nullopt;
  }
  const auto L = static_cast<double>(spec.depth);
  const auto N = static_cast<double>(spec.width);
  const double chi = *sigma2 * (relu ? 0.5 : 1.0);
  const double mean = std::pow(chi, L);
  return RatioMoments{mean, mean * mean * std::expm1(L * std::log1p((relu ? 5.0 : 2.0) / N))};
}

}  // namespace

double two_term_rate(double w) {
  const double discriminant = w * w + 4 * w;
  // Complex roots have modulus √|w|, the root of their product.
  if (discriminant < 0) return 0.5 * std::log(-w);
  return std::log(0.5 * (std::abs(w) + std::sqrt(discriminant)));
}

double additive_sum_rate(double w) { return std::log(std::abs(1 + w)); }

bool is_scalar_chain(const GrowthSpec& spec) {
  return (spec.net == "mlp" || spec.net == "elman") && spec.width == 1 && spec.batch == 1;
}

double scalar_chain_rate(const GrowthSpec& spec, const Tensors& drawn) {
  const auto L = static_cast<std::size_t>(spec.depth);
  const bool recurrent = is_recurrent(spec);
  const std::vector<double>& W = drawn.find(recurrent ? "Wh" : "W")->second.data;
  const std::vector<double>& b = drawn.find("b")->second.data;
  const auto x = drawn.find("x");
  std::vector<double> ln_chi(L);  // of the square
  double h = drawn.find("h0")->second.data.at(0);
  with_activation(spec.activation, [&](auto act) {
    for (std::size_t l = 0; l < L; ++l) {
      const double w = W[is_shared(spec) ? 0 : l];
      const double a = w * h + b[is_shared(spec) ? 0 : l] +
                       (x == drawn.end() ? 0.0 : gate_inputs(spec, drawn, l, 0)[0]);
      h = exact_value<decltype(act)>(a);
      const double ln_factor =
          std::log(std::abs(w)) + std::log(std::abs(exact_slope<decltype(act)>(a)));
      ln_chi[l] = 2 * ln_factor;
    }
  });
  return window_rate(ln_chi);
}

DrawnFacts drawn_facts(const GrowthSpec& spec, const Tensors& drawn) {
  DrawnFacts facts{nan, nan, nan};
  if (is_scalar_chain(spec)) facts.scalar_rate = scalar_chain_rate(spec, drawn);
  const std::optional<std::span<const double>> W = shared_matrix(spec, drawn);
  if (!W || spec.width > facts_width) return facts;
  const auto n = static_cast<std::size_t>(spec.width);
  facts.sigma_max = std::exp(transient_growth(*W, n, 1).ln_max);
  // Far above 1 the radius of random weights is not needed: the net does not rest at 0.
  const bool may_rest = rests_at_0(spec) && sigma_w2(spec).value_or(0) < 1.5;
  if (is_linear(spec.activation) || may_rest) facts.ln_radius = std::log(spectral_radius(*W, n));
  return facts;
}

namespace {

using TheoryOf = std::optional<Theory> (*)(const GrowthSpec&, std::span<const DrawnFacts>);

std::optional<Theory> first_that_applies(std::span<const TheoryOf> candidates,
                                         const GrowthSpec& given,
                                         std::span<const DrawnFacts> seeds) {
  GrowthSpec spec = given;
  spec.init.W = resolve_weights(given);
  if (spec.clip_value > 0) return std::nullopt;  // a clipped gradient is not the chain's
  for (const TheoryOf& candidate : candidates) {
    if (std::optional<Theory> theory = candidate(spec, seeds)) {
      theory->moments = ratio_moments(spec);
      if (!theory->q && !theory->asymptotic) theory->asymptotic = theory->rate;  // at every depth
      return theory;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Theory> find_theory(const GrowthSpec& spec, std::span<const DrawnFacts> seeds) {
  constexpr std::array<TheoryOf, 12> candidates{
      additive,          gate_path,        irnn,        linear_orthogonal,
      scalar_chain,      gaussian_product, linear_at_0, measured_radius,
      finite_width_relu, residual,         gru,         mean_field};
  return first_that_applies(candidates, spec, seeds);
}

std::optional<Theory> find_way_theory(const GrowthSpec& spec) {
  constexpr std::array<TheoryOf, 8> candidates{
      gate_path, irnn, linear_orthogonal, gaussian_product, finite_width_relu,
      residual,  gru,  mean_field};
  return first_that_applies(candidates, spec, {});
}

}  // namespace gradepth::growth
