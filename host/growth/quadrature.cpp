#include "host/growth/quadrature.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "host/exact_activation.h"

namespace gradepth::growth {
namespace {

constexpr double z_max = 12.0;
constexpr int order = 16;

struct Rule {
  std::array<double, order> nodes;
  std::array<double, order> weights;
};

/// Gauss-Legendre on [-1, 1]: Newton's method on the Legendre polynomial P_n, weights
/// 2 / ((1 - x²) P_n'(x)²) (Abramowitz & Stegun 25.4.29).
Rule legendre_rule() {
  Rule rule{};
  for (std::size_t i = 0; i < order; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (order + 0.5));
    double slope = 0;
    for (int iteration = 0; iteration < 20; ++iteration) {
      double p0 = 1;
      double p1 = x;
      for (int n = 2; n <= order; ++n) {
        const double p2 = ((2 * n - 1) * x * p1 - (n - 1) * p0) / n;
        p0 = p1;
        p1 = p2;
      }
      slope = order * (x * p1 - p0) / (x * x - 1);
      x -= p1 / slope;
    }
    rule.nodes[i] = x;
    rule.weights[i] = 2 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

/// Where panels meet, in z, ascending.
std::vector<double> panel_edges(double s, std::span<const double> kinks) {
  std::vector<double> edges;
  for (int z = -static_cast<int>(z_max); z <= static_cast<int>(z_max); ++z) edges.push_back(z);
  const auto add = [&](double x) {
    if (s > 0 && std::abs(x) < z_max * s) edges.push_back(x / s);
  };
  for (const double kink : kinks) add(kink);
  const int doublings = s > 0 ? std::ilogb(z_max * s) : -1;
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
  static const Rule rule = legendre_rule();
  const std::vector<double> edges = panel_edges(s, kinks);
  double sum = 0;
  for (std::size_t panel = 0; panel + 1 < edges.size(); ++panel) {
    const double middle = 0.5 * (edges[panel] + edges[panel + 1]);
    const double half = 0.5 * (edges[panel + 1] - edges[panel]);
    if (half <= 0) continue;
    double panel_sum = 0;
    for (std::size_t i = 0; i < order; ++i) {
      const double z = middle + half * rule.nodes[i];
      panel_sum += rule.weights[i] * g(s * z) * std::exp(-0.5 * z * z);
    }
    sum += half * panel_sum;
  }
  return sum / std::sqrt(2 * std::numbers::pi);
}

double second_moment(std::string_view activation, double q) {
  double result = 0;
  with_activation(activation, [&](auto act) {
    using Act = decltype(act);
    const auto square = [](double x) {
      const double y = exact_value<Act>(x);
      return y * y;
    };
    result = q <= 0 ? square(0.0) : gaussian_expectation(square, std::sqrt(q), Act::kinks);
  });
  return result;
}

Moments moments(std::string_view activation, double q) {
  Moments result{};
  with_activation(activation, [&](auto act) {
    using Act = decltype(act);
    const auto f = [](double x) { return exact_value<Act>(x); };
    const auto slope = [](double x) { return exact_slope<Act>(x); };
    if (q <= 0) {
      // The limit takes both sides of 0; the second derivative by a central difference.
      const double f0 = f(0.0);
      constexpr double step = 1e-4;
      const double curvature =
          (slope(step) - slope(-step)) / (2 * step);  // finite only without a kink at 0
      const double right = slope(1e-12);
      const double left = slope(-1e-12);
      result = {f0, f0 * f0, 0.5 * (right * right + left * left),
                0.5 * (right * right + left * left) + (f0 == 0 ? 0 : f0 * curvature)};
      return;
    }
    const double s = std::sqrt(q);
    const auto expect = [&](const auto& g) { return gaussian_expectation(g, s, Act::kinks); };
    result.value = expect(f);
    result.value2 = expect([&](double x) { return f(x) * f(x); });
    result.slope2 = expect([&](double x) { return slope(x) * slope(x); });
    result.value2_dq = expect([&](double x) { return f(x) * slope(x) * x; }) / q;
  });
  return result;
}

}  // namespace gradepth::growth
