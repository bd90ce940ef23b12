#include "host/growth/theory/residual.h"

#include <algorithm>
#include <boost/math/interpolators/cardinal_cubic_b_spline.hpp>
#include <cmath>
#include <numbers>
#include <sstream>
#include <utility>
#include <vector>

#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

/// Variances carried from map to map: rate of the fit's window.
Theory carried(const GrowthSpec& spec, double sigma2, double noise) {
  const bool preact = spec.residual == Residual::preact;
  const double ln_A2 = 2 * std::log(std::abs(branch_scale(spec)));
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
  theory.by_map = ln_norm_by_map(by_map.ln_chi);
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

/// Expectations over a = √q_a z that the two passes need, f in units of √q_a.
struct MapMoments {
  double f, f2, spread2;  // E f, E f², Var f
  double a_slope;         // E z f'
  double a_f_slope;       // E z f f'
  double slope2;          // E f'²
  double z2_slope2;       // E z² f'²
  double f_slope2;        // E f f'²
  double f2_slope2;       // E f² f'²
};

MapMoments moments_of_map(Activation activation, double ln_q) {
  MapMoments m{};
  const double s = std::exp(0.5 * ln_q);
  with_activation(activation, [&](auto act) {
    using Act = decltype(act);
    const auto expect = [&](const auto& g) {
      return gaussian_expectation(
          [&](double x) { return g(x / s, Act::value(x) / s, Act::slope(x)); }, s, Act::kinks);
    };
    m.f = expect([](double, double f, double) { return f; });
    m.f2 = expect([](double, double f, double) { return f * f; });
    m.spread2 = expect([&](double, double f, double) { return (f - m.f) * (f - m.f); });
    m.a_slope = expect([](double z, double, double df) { return z * df; });
    m.a_f_slope = expect([](double z, double f, double df) { return z * f * df; });
    m.slope2 = expect([](double, double, double df) { return df * df; });
    m.z2_slope2 = expect([](double z, double, double df) { return z * z * df * df; });
    m.f_slope2 = expect([](double, double f, double df) { return f * df * df; });
    m.f2_slope2 = expect([](double, double f, double df) { return f * f * df * df; });
  });
  return m;
}

/// The same for as many maps as a net has: where q hardly moves, on the line between two points.
class MomentsAlong {
 public:
  explicit MomentsAlong(Activation activation) : activation_(activation) {}

  MapMoments at(double ln_qa) {
    constexpr double beyond =
        92;  // an activation is its lines there, in these units always the same
    constexpr double step = 0.02;
    const double ln_q = std::clamp(ln_qa, -beyond, beyond);
    const bool moves = std::abs(ln_q - last_) > step;
    last_ = ln_q;
    if (moves) return moments_of_map(activation_, ln_q);
    const double cell = std::floor(ln_q / step);
    if (cell != cell_) {
      cell_ = cell;
      left_ = moments_of_map(activation_, cell * step);
      right_ = moments_of_map(activation_, (cell + 1) * step);
    }
    const double part = ln_q / step - cell;
    const auto between = [&](double MapMoments::*m) {
      return left_.*m + part * (right_.*m - left_.*m);
    };
    using M = MapMoments;
    return {between(&M::f),         between(&M::f2),        between(&M::spread2),
            between(&M::a_slope),   between(&M::a_f_slope), between(&M::slope2),
            between(&M::z2_slope2), between(&M::f_slope2),  between(&M::f2_slope2)};
  }

 private:
  Activation activation_;
  double last_ = infinity;
  double cell_ = infinity;
  MapMoments left_{}, right_{};
};

/// What a map h' = h + A f(a) does, in units of the rms of h: all that the backward pass needs.
struct Map {
  double growth;  // |h'|² / |h|²
  double det;     // growth less the square of the mean of h'
  double r;       // mean of h
  double f;       // mean of A f(a)
  double u;       // mean of u = (a - b) f'(a)
  double u_f;     // mean of u A f(a)
  double u2;      // mean of u²
  double v;       // A² σ_w² E f'²
  double v_f;     // A² σ_w² E f'² A f
  double v_f2;    // A² σ_w² E f'² (A f)²
};

/// The forward pass: h of variance e^ln_q, and mean r in units of its rms.
std::vector<Map> run_forward(const GrowthSpec& spec, double sigma2, double noise, double ln_q,
                             double r) {
  const double A = branch_scale(spec);
  MomentsAlong moments(spec.activation);
  std::vector<Map> maps;
  maps.reserve(static_cast<std::size_t>(spec.depth));
  for (std::int64_t l = 0; l < spec.depth; ++l) {
    const double ln_qa = ln_sum(std::log(sigma2) + ln_q, std::log(noise));
    const double ln_e = 0.5 * (ln_qa - ln_q);  // rms of a beside that of h
    const double e = std::exp(ln_e);
    const double rho = std::exp(std::log(sigma2) - 2 * ln_e);  // the share of W h in a's variance
    const MapMoments m = moments.at(ln_qa);
    const double s = A * A * sigma2;
    Map map{};
    map.r = r;
    map.f = A * e * m.f;
    map.growth = 1 + 2 * r * map.f + A * A * e * e * m.f2;
    map.det = (1 - r) * (1 + r) + A * A * e * e * m.spread2;
    map.u = rho * e * m.a_slope;
    map.u_f = rho * A * e * e * m.a_f_slope;
    map.u2 = rho * e * e * (rho * m.z2_slope2 + (1 - rho) * m.slope2);
    map.v = s * m.slope2;
    map.v_f = s * A * e * m.f_slope2;
    map.v_f2 = s * A * A * e * e * m.f2_slope2;
    maps.push_back(map);
    r = std::clamp((r + map.f) / std::sqrt(map.growth), -1.0, 1.0);
    ln_q += std::log(map.growth);
  }
  return maps;
}

/// Second moments of two numbers.
struct Pair {
  double xx, xy, yy;

  /// Var(a x + b y)
  [[nodiscard]] double of(double a, double b) const {
    return a * a * xx + 2 * a * b * xy + b * b * yy;
  }
  /// Cov(a x + b y, c x + d y)
  [[nodiscard]] double of(double a, double b, double c, double d) const {
    return a * c * xx + (a * d + b * c) * xy + b * d * yy;
  }
};

/// Backward: ln E |g_d|² by depth, g being dL/dh.
///
/// Given h and a = W h + b, W is (a - b) hᵀ / |h|² plus a matrix that is fresh but for its product
/// with h, which is 0. So with g' = dL/dh' and u = (a - b) f'(a)
///   g = g' + A (u·g') h / |h|² + noise ⊥ h of squared norm A² σ_w² Σ f'(a)² g'²
/// exactly. Of what came before, g' knows h' alone, and every unit is like every other: it is
/// α h' + β 1 + a vector of random direction. The second moments of g'·h' and g'·1 therefore close
/// the recursion; what u and h have beyond h' and 1 adds a share of 1/N of its own. Projections are
/// kept in units of √N and the rms of h', relative to |g'|².
std::vector<double> ln_squared_gradient(const std::vector<Map>& maps, double r_L, double A,
                                        double N, bool sphere) {
  std::vector<double> ln_g2(maps.size() + 1);
  // A random direction, or g = 1.
  Pair x = sphere ? Pair{1 / N, r_L / N, 1 / N} : Pair{r_L * r_L, r_L, 1};
  for (std::size_t d = 1; d <= maps.size(); ++d) {
    const Map& m = maps[maps.size() - d];
    const double mean = m.r + m.f;  // of h', in units of the rms of h, as all below
    const double stretch = std::sqrt(m.growth);
    const Pair y{m.growth * x.xx, stretch * x.xy, x.yy};
    // α, β = G⁻¹ y, G the products of h' and 1.
    const auto coordinates = [&](double along_h, double along_1) {
      return std::pair{(along_h - mean * along_1) / m.det,
                       (m.growth * along_1 - mean * along_h) / m.det};
    };
    // What is left of the product of two vectors, given by theirs with h' and 1.
    const auto beyond = [&](double product, std::pair<double, double> a, double b_h, double b_1) {
      return product - a.first * b_h - a.second * b_1;
    };
    const double h_h = 1 + m.f * m.r;  // h·h'
    const double u_h = m.r * m.u + m.u_f;
    const auto of_h = coordinates(h_h, m.r);
    const auto of_u = coordinates(u_h, m.u);
    // |g'|² less that of α h' + β 1.
    const auto [a_h, a_1] = coordinates(1, 0);
    const auto [b_h, b_1] = coordinates(0, 1);
    const double rest = 1 - (y.xx * a_h + 2 * y.xy * a_1 + y.yy * b_1);
    const double free_h = rest / N * std::max(0.0, beyond(1, of_h, h_h, m.r));
    const double free_hu = rest / N * beyond(m.r * m.u, of_h, u_h, m.u);
    const double free_u = rest / N * std::max(0.0, beyond(m.u2, of_u, u_h, m.u));
    // g'·h and u·g', and their products with each other and with g'·1.
    const double p_p = y.of(of_h.first, of_h.second) + free_h;
    const double c_c = y.of(of_u.first, of_u.second) + free_u;
    const double p_c = y.of(of_h.first, of_h.second, of_u.first, of_u.second) + free_hu;
    const double p_1 = y.of(of_h.first, of_h.second, 0, 1);
    const double c_1 = y.of(of_u.first, of_u.second, 0, 1);
    // Σ f'² g'²: of α h' + β 1, and of the rest.
    const double alpha2 = y.of(a_h, b_h);
    const double beta2 = y.of(a_1, b_1);
    const double alpha_beta = y.of(a_h, b_h, a_1, b_1);
    const double noise = m.v * rest + alpha2 * (m.v + 2 * m.r * m.v_f + m.v_f2) +
                         2 * alpha_beta * (m.r * m.v + m.v_f) + beta2 * m.v;
    const double g2 = 1 + 2 * A * p_c + A * A * c_c + noise * (1 - 1 / N);
    x.xx = p_p + 2 * A * p_c + A * A * c_c;
    x.xy = p_1 + A * c_1 + A * m.r * (p_c + A * c_c);
    x.yy = y.yy + 2 * A * m.r * c_1 + A * A * m.r * m.r * c_c + noise * (1 - m.r * m.r) / N;
    for (double* moment : {&x.xx, &x.xy, &x.yy}) *moment /= g2;
    ln_g2[d] = ln_g2[d - 1] + std::log(g2);
  }
  return ln_g2;
}

/// Slopes of f far out on both sides, where |h| grows for ever: all is then as with two lines.
std::pair<double, double> far_slopes(Activation activation) {
  std::pair<double, double> slopes;
  with_activation(activation, [&](auto act) {
    constexpr double far = 1e20;
    slopes = {act.value(far) / far, act.value(-far) / -far};
  });
  return slopes;
}

/// At first |g|² grows by 1 + A² σ_w² E f'² per map, but for a share of 1/N that grows with |h|; so
/// the rate climbs, at a depth that goes with ln N. That share is z² times its mean, z ~ N(0, 1),
/// for one sample with a uniform loss gradient.
Theory correlated_residual(const GrowthSpec& spec, double sigma2, double noise) {
  const bool constant_start = spec.init.h0.kind == ValueInit::Kind::constant;
  const bool sphere = spec.init.loss == Initialisation::LossGradient::sphere;
  // From h = 0 the first map is all: as from numbers that it dwarfs.
  constexpr double ln_dwarfed = -60;
  const double ln_q = spec.init.h0.scale == 0 ? ln_dwarfed : ln_start_variance(spec);
  const double r = !constant_start ? 0 : spec.init.h0.scale < 0 ? -1 : 1;
  const double A = branch_scale(spec);
  const std::vector<Map> maps = run_forward(spec, sigma2, noise, ln_q, r);
  const double r_L = (maps.back().r + maps.back().f) / std::sqrt(maps.back().growth);
  const std::vector<double> ln_g2 =
      ln_squared_gradient(maps, r_L, A, static_cast<double>(spec.width), sphere);
  std::vector<double> ln_norm(ln_g2.size());
  double ln_rest = 0;
  for (std::size_t d = 1; d < ln_g2.size(); ++d) {
    ln_rest += std::log1p(maps[maps.size() - d].v);
    const double excess = ln_g2[d] - ln_rest;
    const bool random = sphere && spec.batch == 1 && excess > 0;
    const double ln_share = excess > 60 ? excess : std::log(std::expm1(std::max(excess, 0.0)));
    ln_norm[d] = 0.5 * (random ? ln_rest + mean_ln_1p_chi2(ln_share) : ln_g2[d]);
  }
  Theory theory;
  theory.rate = window_slope(ln_norm);
  for (std::size_t d = maps.size(); d > 0; --d) {
    theory.by_map.push_back(ln_norm[d] - ln_norm[d - 1]);
  }
  const auto [right, left] = far_slopes(spec.activation);
  const double s = A * A * sigma2 * right * right;
  theory.asymptotic = s == 0 ? 0 : std::log(homogeneous_residual_factor(s, left / right));
  std::ostringstream formula;
  formula << "slope of 1/2 E ln |g_d|^2, from 1/2 ln(1 + A^2 s_w^2 E f'^2) = "
          << 0.5 * std::log1p(maps.back().v) << " at the loss towards " << *theory.asymptotic
          << " as d grows";
  theory.formula = formula.str();
  theory.source =
      "mean field with the forward-backward correlation, host/growth/theory/residual.cpp";
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

double preact_relu_width_term(double chi, std::int64_t history) {
  const double r = 1 + chi;
  double sum = 0;
  double q = 1 / r;
  for (std::int64_t k = 1; k <= history && q > 1e-30; ++k, q /= r) {
    sum += std::sqrt(q * (1 - q)) - 2 * q * std::asin(std::sqrt(q));
  }
  const double shift = chi / (std::numbers::pi * r) * sum;
  const double variance = 4 * chi + 2 * chi * chi + 3 * chi * chi;  // the last is 4χ² Var ω
  return 0.5 * (2 * chi * shift / r - 0.5 * variance / (r * r));
}

std::optional<Theory> residual_theory(const GrowthSpec& spec) {
  const std::optional<double> sigma2 = sigma_w2(spec);
  const std::optional<double> noise = noise_variance(spec, 1);
  if (spec.net != "residual" || !sigma2 || !noise || !std::isfinite(*sigma2) ||
      !std::isfinite(*noise)) {
    return std::nullopt;
  }
  const bool gaussian_start =
      spec.init.h0.kind != ValueInit::Kind::constant || spec.init.h0.scale == 0;
  if (spec.residual == Residual::preact) {
    return gaussian_start ? std::optional(carried(spec, *sigma2, *noise)) : std::nullopt;
  }
  if (spec.activation->odd) return carried(spec, *sigma2, *noise);
  const double at_0 = second_moment(spec.activation, 0);
  const bool rests = spec.init.h0.scale == 0 && *noise == 0 && at_0 == 0;
  // Below, a state that is nearly 0 would need f(0) in units of its size.
  constexpr double least = -80;
  const bool tiny = at_0 > 0 &&
                    ln_sum(std::log(*sigma2) + ln_start_variance(spec), std::log(*noise)) < least &&
                    spec.init.h0.scale != 0;
  if (rests || tiny || *sigma2 == 0 || branch_scale(spec) == 0) return std::nullopt;
  Theory theory = correlated_residual(spec, *sigma2, *noise);
  return std::isfinite(theory.rate) ? std::optional(theory) : std::nullopt;
}

}  // namespace gradepth::growth
