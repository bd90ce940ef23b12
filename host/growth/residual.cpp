#include "host/growth/residual.h"

#include <boost/math/interpolators/cardinal_cubic_b_spline.hpp>
#include <cmath>
#include <numbers>
#include <sstream>
#include <vector>

#include "host/growth/mean_field.h"
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
  const double ln_A2 = 2 * std::log(std::abs(scale(spec)));
  const double ln_sigma2 = std::log(sigma2);
  const double ln_noise = std::log(noise);
  /// ln of the variance of f's argument, h's being q.
  const auto argument = [&](double ln_q) {
    return preact ? ln_q : ln_sum(ln_sigma2 + ln_q, ln_noise);
  };
  const auto next = [&](double ln_q) {
    const double ln_f2 = ln_second_moment(spec.activation, argument(ln_q));
    return ln_sum(ln_q, preact ? ln_sum(ln_sigma2 + ln_f2, ln_noise) : ln_A2 + ln_f2);
  };
  const auto ln_chi = [&](double ln_q) {
    const double slope2 = slope_moment(spec.activation, argument(ln_q));
    return ln_sum(0, (preact ? 0.0 : ln_A2) + ln_sigma2 + std::log(slope2));  // 1 + …
  };
  const Carried by_map =
      carry(ln_start_variance(spec), static_cast<std::size_t>(spec.depth), next, ln_chi);
  Theory theory;
  theory.rate = window_rate(by_map.ln_chi);
  theory.formula = preact ? "mean of 1/2 ln(1 + s_w^2 E f'(h_l)^2), h_l of variance q_l"
                          : "mean of 1/2 ln(1 + A^2 s_w^2 E f'(a_l)^2), a_l of variance q_l";
  theory.source = "mean field, Yang & Schoenholz 2017";
  theory.q = std::exp(by_map.ln_q);
  theory.chi = std::exp(by_map.ln_chi.back());
  return theory;
}

/// E ln(1 + z² e^x), z ~ N(0, 1): a spline, for as many depths as a net has; 1e-9.
double mean_ln_1p_chi2(double x) {
  constexpr double mean_ln_chi2 = -1.2703628454614782;  // E ln z² = -γ - ln 2
  constexpr double first = -40;
  constexpr double last = 60;
  constexpr double step = 0.05;
  if (x >= last) return x + mean_ln_chi2;
  if (x <= first) return std::exp(x);
  static const auto spline = [] {
    std::vector<double> at;
    for (int i = 0; first + i * step < last + 0.5 * step; ++i) {
      at.push_back(gaussian_expectation([](double y) { return std::log1p(y * y); },
                                        std::exp(0.5 * (first + i * step))));
    }
    return boost::math::interpolators::cardinal_cubic_b_spline<double>(at.begin(), at.end(), first,
                                                                       step, 0, 1);
  }();
  return spline(x);
}

/// Forward: q_l / q_{l-1} and the mean of h in units of √q, by map, from m' = m + k √q and
/// q' = (1 + v) q + 2 k m √q.
struct Forward {
  std::vector<double> growth;      // [L + 1], growth[0] unused
  std::vector<double> mean_ratio;  // [L + 1]
};

Forward run_forward(std::size_t L, double v, double k, double mean_ratio) {
  Forward f{std::vector<double>(L + 1, 1.0), std::vector<double>(L + 1, mean_ratio)};
  for (std::size_t l = 1; l <= L; ++l) {
    f.growth[l] = 1 + v + 2 * k * f.mean_ratio[l - 1];
    f.mean_ratio[l] = (f.mean_ratio[l - 1] + k) / std::sqrt(f.growth[l]);
  }
  return f;
}

/// Backward: ln E |g_d|² by depth.
///
/// g is dL/dh. The rows of W with a > 0 lean towards h, so that
///   g_{l-1} = g_l + (c - p) h_{l-1} / |h_{l-1}|² + noise of squared norm v |g_l|²,  v = s (1 +
///   α²)/2
/// where c = g_l·h_l is the same at every state (Euler's theorem: the net is homogeneous) and
/// p = g_l·h_{l-1}. Squared: |g_{l-1}|² = (1 + v) |g_l|² + (c² - p²) / |h_{l-1}|². g_l knows h_l
/// only, so p is the projection of h_{l-1} on h_l and on the ones: the moments of c and of g·1
/// close the recursion. They are kept in units of |h_l| and √N, and divided by |g|² at every map.
std::vector<double> ln_squared_gradient(const Forward& f, double v, double N, bool sphere) {
  const std::size_t L = f.growth.size() - 1;
  const double r_L = f.mean_ratio[L];
  // Second moments of g·h/|h| (C), g·1/√N (S) and their product (X), relative to |g|².
  double C = sphere ? 1 / N : r_L * r_L;
  double S = sphere ? 1 / N : 1;
  double X = sphere ? r_L / N : r_L;
  std::vector<double> ln_g2(L + 1);
  for (std::size_t d = 1; d <= L; ++d) {
    const std::size_t l = L - d + 1;
    const double r = f.mean_ratio[l];
    const double r_below = f.mean_ratio[l - 1];
    const double stretch = std::sqrt(f.growth[l]);  // |h_l| / |h_{l-1}|
    // h_{l-1} = b h_l + a 1 (in units of the rms of h_{l-1}) + what g does not know.
    const double b = (1 - r_below * r_below) / (f.growth[l] * (1 - r * r));
    const double a = r_below - b * stretch * r;
    const double p2 = a * a * S + 2 * a * b * stretch * X + b * b * f.growth[l] * C;
    const double g2 = 1 + v + f.growth[l] * C - p2;
    const double keep = 1 - a * r_below;
    const double gain = stretch * (1 - b) * r_below;
    S = keep * keep * S + 2 * keep * gain * X + gain * gain * C + v * (1 - r_below * r_below) / N;
    X = stretch * (keep * X + gain * C);
    C *= f.growth[l];
    for (double* moment : {&C, &S, &X}) *moment /= g2;
    ln_g2[d] = ln_g2[d - 1] + std::log(g2);
  }
  return ln_g2;
}

/// At first |g|² grows by 1 + v per map, but for a share of 1/N that grows by λ²; so the rate
/// climbs from ½ ln(1 + v) to ln λ at a depth that goes with ln N. That share is z² times its mean,
/// z ~ N(0, 1), for one sample with a uniform loss gradient.
Theory homogeneous_residual(const GrowthSpec& spec, double sigma2, double alpha) {
  const double s = scale(spec) * scale(spec) * sigma2;
  const auto L = static_cast<std::size_t>(spec.depth);
  const double k = (1 - alpha) * std::sqrt(s / (2 * std::numbers::pi));
  const double v = 0.5 * s * (1 + alpha * alpha);
  const bool constant_start = spec.init.h0.kind == ValueInit::Kind::constant;
  const bool sphere = spec.init.loss == Initialisation::LossGradient::sphere;
  const Forward forward = run_forward(L, v, k, constant_start ? 1.0 : 0.0);
  const std::vector<double> ln_g2 =
      ln_squared_gradient(forward, v, static_cast<double>(spec.width), sphere);
  std::vector<double> ln_norm(L + 1);
  for (std::size_t d = 0; d <= L; ++d) {
    const double ln_rest = static_cast<double>(d) * std::log1p(v);
    const double excess = ln_g2[d] - ln_rest;
    const bool random = sphere && spec.batch == 1 && excess > 0;
    const double ln_share = excess > 60 ? excess : std::log(std::expm1(std::max(excess, 0.0)));
    ln_norm[d] = 0.5 * (random ? ln_rest + mean_ln_1p_chi2(ln_share) : ln_g2[d]);
  }
  Theory theory;
  theory.rate = window_slope(ln_norm);
  theory.asymptotic = std::log(homogeneous_residual_factor(s, alpha));
  std::ostringstream formula;
  formula << "slope of 1/2 E ln |g_d|^2, from 1/2 ln(1 + A^2 s_w^2 (1 + alpha^2)/2) = "
          << 0.5 * std::log1p(v) << " to ln lambda = " << *theory.asymptotic << " as d grows";
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
  if (spec.net != "residual" || !sigma2 || !noise || !std::isfinite(*sigma2) ||
      !std::isfinite(*noise)) {
    return std::nullopt;
  }
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
