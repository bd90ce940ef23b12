#include "host/growth/residual.h"

#include <cmath>
#include <numbers>
#include <sstream>
#include <vector>

#include "host/growth/quadrature.h"
#include "host/growth/statistics.h"
#include "kernels/activation.h"

namespace gradepth::growth {
namespace {

bool is_odd(const std::string& activation) {
  return activation == "identity" || activation == "tanh" || activation == "softsign" ||
         activation == "hard_tanh";
}

/// Slope for x < 0 of the activations with f(c x) = c f(x), c > 0.
std::optional<double> negative_slope(const std::string& activation) {
  if (activation == "identity") return 1.0;
  if (activation == "relu") return 0.0;
  if (activation == "leaky_relu") return LeakyRelu::alpha;
  return std::nullopt;
}

double scale(const GrowthSpec& spec) {
  return spec.residual == "scaled" ? spec.residual_scale : 1.0;
}

/// Variances carried from map to map: rate of the fit's window.
Theory carried(const GrowthSpec& spec, double sigma2, double noise) {
  const bool preact = spec.residual == "preact";
  const double A2 = scale(spec) * scale(spec);
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<double> ln_norm(L + 1);  // filled by map, from the input end
  double q = start_variance(spec);
  double chi = 1;
  for (std::size_t map = 1; map <= L; ++map) {
    const Moments m = moments(spec.activation, preact ? q : sigma2 * q + noise);
    chi = 1 + A2 * sigma2 * m.slope2;
    q += preact ? sigma2 * m.value2 + noise : A2 * m.value2;
    ln_norm[map] = ln_norm[map - 1] + 0.5 * std::log(chi);
  }
  // By depth the same increments come in reverse order; the slope does not change under reversal.
  Theory theory;
  theory.rate = window_slope(ln_norm);
  theory.formula = preact ? "mean of 1/2 ln(1 + s_w^2 E f'(h_l)^2), h_l of variance q_l"
                          : "mean of 1/2 ln(1 + A^2 s_w^2 E f'(a_l)^2), a_l of variance q_l";
  theory.source = "mean field, Yang & Schoenholz 2017";
  theory.q = q;
  theory.chi = chi;
  return theory;
}

/// The gradient g_d at depth d has a part along h, kept by Euler's theorem (g·h is the same at
/// every state of a homogeneous net): its square grows as q_L / q_{L-d}. The rest grows by 1 + s (1
/// + α²)/2 per map. Along h lies z²/N of a uniform loss gradient, z ~ N(0, 1), and m²/q of one of
/// ones. So the rate climbs from ½ ln(1 + s (1 + α²)/2) to ln λ at a depth that grows with ln N.
Theory homogeneous_residual(const GrowthSpec& spec, double sigma2, double alpha) {
  const double s = scale(spec) * scale(spec) * sigma2;
  const auto L = static_cast<std::size_t>(spec.depth);
  const double k = (1 - alpha) * std::sqrt(s / (2 * std::numbers::pi));
  const double rest = 1 + 0.5 * s * (1 + alpha * alpha);
  // ln q and m / √q, so that a deep net does not overflow.
  std::vector<double> ln_q(L + 1);
  double mean = spec.init.h0.kind == ValueInit::Kind::constant ? 1.0 : 0.0;
  for (std::size_t map = 1; map <= L; ++map) {
    const double growth = rest + 2 * k * mean;
    ln_q[map] = ln_q[map - 1] + std::log(growth);
    mean = (mean + k) / std::sqrt(growth);
  }
  const bool sphere = spec.init.loss == Initialisation::LossGradient::sphere;
  const double along = sphere ? 1.0 / static_cast<double>(spec.width) : mean * mean;
  std::vector<double> ln_norm(L + 1);
  for (std::size_t d = 0; d <= L; ++d) {
    const double ln_rest = static_cast<double>(d) * std::log(rest) + std::log1p(-along);
    const double ln_along = ln_q[L] - ln_q[L - d] + std::log(along);
    // ½ ln(e^rest + z² e^along) with the larger term outside.
    const double ratio = std::exp(0.5 * (ln_along - ln_rest));
    const auto excess = [](double x) { return std::log1p(x * x); };
    const bool random = sphere && spec.batch == 1;
    ln_norm[d] = 0.5 * (ln_rest + (random ? gaussian_expectation(excess, ratio) : excess(ratio)));
  }
  Theory theory;
  theory.rate = window_slope(ln_norm);
  std::ostringstream formula;
  formula << "slope of 1/2 E ln[(1 + s/2)^d + z^2 (q_L/q_{L-d})/N], s = A^2 s_w^2 (1 + alpha^2); "
             "ln lambda = "
          << std::log(homogeneous_residual_factor(s, alpha)) << " as d grows";
  theory.formula = formula.str();
  theory.source = "mean field with the forward-backward correlation, host/growth/residual.cpp";
  return theory;
}

}  // namespace

double homogeneous_residual_factor(double s, double alpha) {
  const double straight = 1 + 0.5 * s * (1 + alpha * alpha);
  const double bend = s * (1 - alpha) * (1 - alpha) / std::numbers::pi;
  if (bend == 0) return std::sqrt(straight);
  double low = 1;
  double high = 2 + s + bend;  // λ² - straight - bend / (λ - 1) > 0 here
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    const bool above = middle * middle > straight + bend / (middle - 1);
    (above ? high : low) = middle;
  }
  return 0.5 * (low + high);
}

std::optional<Theory> residual_theory(const GrowthSpec& spec) {
  const std::optional<double> sigma2 = sigma_w2(spec);
  const std::optional<double> noise = noise_variance(spec);
  if (spec.net != "residual" || !sigma2 || !noise) return std::nullopt;
  const bool gaussian_start =
      spec.init.h0.kind != ValueInit::Kind::constant || spec.init.h0.scale == 0;
  if (spec.residual == "preact") {
    return gaussian_start ? std::optional(carried(spec, *sigma2, *noise)) : std::nullopt;
  }
  if (is_odd(spec.activation)) return carried(spec, *sigma2, *noise);
  const std::optional<double> alpha = negative_slope(spec.activation);
  const bool starts = spec.init.h0.scale != 0;
  if (alpha && *noise == 0 && starts) return homogeneous_residual(spec, *sigma2, *alpha);
  return std::nullopt;
}

}  // namespace gradepth::growth
