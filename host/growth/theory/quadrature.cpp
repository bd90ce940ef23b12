#include "host/growth/theory/quadrature.h"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

constexpr double z_max = 12.0;
// Beyond this q, and below its inverse, an activation is the two straight lines (or constants) it
// comes close to: to 1e-20.
constexpr double q_large = 1e40;

/// Where panels meet, in z, ascending.
std::vector<double> panel_edges(double s, std::span<const double> kinks) {
  std::vector<double> edges;
  for (int z = -static_cast<int>(z_max); z <= static_cast<int>(z_max); ++z) edges.push_back(z);
  const auto add = [&](double x) {
    if (s > 0 && std::abs(x) < z_max * s) edges.push_back(x / s);
  };
  for (const double kink : kinks) add(kink);
  const int doublings = s > 0 && std::isfinite(z_max * s) ? std::ilogb(z_max * s) : -1;
  for (int k = 0; k <= doublings; ++k) {
    for (const double edge : {std::ldexp(1.0, k), std::ldexp(1.5, k)}) {
      add(edge);
      add(-edge);
    }
  }
  std::sort(edges.begin(), edges.end());
  return edges;
}

}  // namespace

double gaussian_expectation(const std::function<double(double)>& g, double s,
                            std::span<const double> kinks) {
  const auto integrand = [&](double z) { return g(s * z) * std::exp(-0.5 * z * z); };
  const std::vector<double> edges = panel_edges(s, kinks);
  double sum = 0;
  for (std::size_t panel = 0; panel + 1 < edges.size(); ++panel) {
    if (edges[panel] >= edges[panel + 1]) continue;
    sum += boost::math::quadrature::gauss<double, 16>::integrate(integrand, edges[panel],
                                                                 edges[panel + 1]);
  }
  return sum / std::sqrt(2 * std::numbers::pi);
}

namespace {

/// E of(act, s z)², `of` the value or the slope of an activation.
template <class Of>
double mean_square(Activation activation, double s, Of of) {
  double result = 0;
  with_activation(activation, [&](auto act) {
    const auto square = [&](double x) {
      const double y = of(act, x);
      return y * y;
    };
    result = gaussian_expectation(square, s, act.kinks);
  });
  return result;
}

/// The same at q_large, where an activation is its lines: each holds half of the mass.
template <class Of>
double far_mean_square(Activation activation, Of of) {
  double result = 0;
  with_activation(activation, [&](auto act) {
    const double right = of(act, std::sqrt(q_large));
    const double left = of(act, -std::sqrt(q_large));
    result = 0.5 * (right * right + left * left);
  });
  return result;
}

constexpr auto by_value = [](auto act, double x) { return act.value(x); };
constexpr auto by_slope = [](auto act, double x) { return act.slope(x); };

/// Limits at 0 take both sides.
Moments moments_at_0(Activation activation) {
  Moments m{};
  with_activation(activation, [&](auto act) {
    using Act = decltype(act);
    const auto slope = [](double x) { return Act::slope(x); };
    const double f0 = Act::value(0.0);
    constexpr double step = 1e-4;
    // Finite only without a kink at 0.
    const double curvature = (slope(step) - slope(-step)) / (2 * step);
    const double right = slope(1e-12);
    const double left = slope(-1e-12);
    const double slope2 = 0.5 * (right * right + left * left);
    m = {f0, f0 * f0, slope2, slope2 + (f0 == 0 ? 0 : f0 * curvature)};
  });
  return m;
}

/// In float64: the last digits of a slope, which exact_slope has, are lost in the sum.
Moments moments_at(Activation activation, double q) {
  Moments m{};
  with_activation(activation, [&](auto act) {
    using Act = decltype(act);
    const auto f = [](double x) { return Act::value(x); };
    const auto slope = [](double x) { return Act::slope(x); };
    const auto expect = [&](const auto& g) {
      return gaussian_expectation(g, std::sqrt(q), Act::kinks);
    };
    m.value = expect(f);
    m.value2 = expect([&](double x) { return f(x) * f(x); });
    m.slope2 = expect([&](double x) { return slope(x) * slope(x); });
    m.value2_dq = expect([&](double x) { return f(x) * slope(x) * x; }) / q;
  });
  return m;
}

/// Far out E f² grows like q, or not at all.
bool is_bounded(double value2_at_large) { return value2_at_large < 1e-10 * q_large; }

}  // namespace

double ln_second_moment(Activation activation, double ln_q) {
  const double ln_large = std::log(q_large);
  if (ln_q > ln_large) {
    const double value2 = far_mean_square(activation, by_value);
    return std::log(value2) + (is_bounded(value2) ? 0.0 : ln_q - ln_large);
  }
  if (ln_q < -ln_large) {
    const Moments at_0 = moments_at_0(activation);
    return at_0.value2 > 0 ? std::log(at_0.value2) : std::log(at_0.slope2) + ln_q;
  }
  return std::log(mean_square(activation, std::sqrt(std::exp(ln_q)), by_value));
}

double second_moment(Activation activation, double q) {
  return std::exp(ln_second_moment(activation, std::log(q)));
}

double slope_moment(Activation activation, double ln_q) {
  const double ln_large = std::log(q_large);
  if (ln_q < -ln_large) return moments_at_0(activation).slope2;
  if (ln_q <= ln_large) return mean_square(activation, std::exp(0.5 * ln_q), by_slope);
  if (!is_bounded(far_mean_square(activation, by_value))) {
    return far_mean_square(activation, by_slope);
  }
  // The share of x next to 0, where alone it has a slope.
  return mean_square(activation, std::sqrt(q_large), by_slope) * std::exp(0.5 * (ln_large - ln_q));
}

Moments moments(Activation activation, double q) {
  if (q < 1 / q_large) {
    Moments m = moments_at_0(activation);
    if (m.value2 == 0) m.value2 = m.slope2 * q;
    return m;
  }
  Moments m = moments_at(activation, std::min(q, q_large));
  if (q <= q_large) return m;
  const double more = q / q_large;
  if (is_bounded(m.value2)) {
    m.slope2 /= std::sqrt(more);
    m.value2_dq /= more * std::sqrt(more);
  } else {
    m.value *= std::sqrt(more);
    m.value2 *= more;
  }
  return m;
}

}  // namespace gradepth::growth
