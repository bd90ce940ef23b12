#include "host/growth/theory/theory.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <sstream>
#include <vector>

#include "host/growth/states/gate_inputs.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/fresh_product.h"
#include "host/growth/theory/gated.h"
#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/residual.h"
#include "host/growth/theory/spectrum.h"
#include "host/growth/theory/transient.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;

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
      spec.init.chrono != 0 || has_input(spec)) {
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
  if (!is_plain_chain(spec) || spec.activation != "identity" || !orthogonal || is_sparse(spec) ||
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
      W.scale <= 0 || is_sparse(spec) || has_bias(spec) || has_input(spec) || !some_positive) {
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

/// h = 0 is a fixed point of an odd f, without bias and input: near it every map is f'(0) W.
bool rests_at_0(const GrowthSpec& spec) {
  return is_plain_chain(spec) && spec.activation->odd && !has_bias(spec) && !has_input(spec);
}

/// W a multiple of an orthogonal matrix: the spectral radius is known.
std::optional<Theory> linear_at_0(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  const WeightInit& W = spec.init.W;
  const bool orthogonal = W.kind == Kind::orthogonal || W.kind == Kind::identity;
  const double radius = std::abs(W.scale) * slope_at_0(spec.activation);
  if (!rests_at_0(spec) || !orthogonal || is_sparse(spec) || radius >= 1 || radius == 0) {
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
  return has_gaussian_weights(spec) && (!spec.activation->homogeneous || L * L <= links);
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
  const std::optional<double> first_noise = noise_at(1);
  if (!is_plain_chain(spec) || !sigma2 || !noise || !first_noise || !is_as_if_fresh(spec) ||
      *sigma2 == 0 || !std::isfinite(*sigma2) || !std::isfinite(*noise)) {
    return std::nullopt;
  }
  const MeanField first{spec.activation, *sigma2, *first_noise};
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
  const std::size_t driven =
      ends ? static_cast<std::size_t>(spec.init.input_until.value_or(spec.depth)) : L;
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
  if (is_carried_by_few(spec, *theory.q)) return std::nullopt;
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

std::optional<Theory> fresh_linear(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  return gaussian_product(spec);
}

std::optional<Theory> fresh_relu(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  return finite_width_relu(spec);
}

std::optional<Theory> gru(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  if (is_structured(spec)) return std::nullopt;
  return gru_theory(spec);
}

std::optional<Theory> residual(const GrowthSpec& spec, std::span<const DrawnFacts> /*seeds*/) {
  if (is_shared(spec) || is_structured(spec)) return std::nullopt;  // its branches are not fresh
  std::optional<Theory> theory = residual_theory(spec);
  const std::optional<double> sigma2 = sigma_w2(spec);
  const bool width_term = spec.residual == Residual::preact && spec.activation == "relu" &&
                          !is_sparse(spec) && has_gaussian_weights(spec) && !has_bias(spec) &&
                          has_one_unit_gradient(spec);
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
      additive,    gate_path,       irnn,       linear_orthogonal, scalar_chain, fresh_linear,
      linear_at_0, measured_radius, fresh_relu, residual,          gru,          mean_field};
  return first_that_applies(candidates, spec, seeds);
}

std::optional<Theory> find_way_theory(const GrowthSpec& spec) {
  constexpr std::array<TheoryOf, 8> candidates{
      gate_path, irnn, linear_orthogonal, fresh_linear, fresh_relu, residual, gru, mean_field};
  return first_that_applies(candidates, spec, {});
}

}  // namespace gradepth::growth
