#include "host/growth/theory/bound.h"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <vector>

#include "host/growth/study/statistics.h"
#include "host/problem/exact_activation.h"

namespace gradepth::growth {
namespace {

const char* verdict(double factor) {
  constexpr double rounding = 1e-12;  // of sigma_max, where it is 1 by construction
  if (factor < 1 - rounding) return "sigma_max < 1/gamma: the gradient must vanish";
  if (factor <= 1 + rounding) return "sigma_max = 1/gamma: the gradient cannot explode";
  return "sigma_max > 1/gamma: exploding is possible, not certain";
}

}  // namespace

double max_slope(Activation activation) {
  double largest = 0;
  with_activation(activation, [&](auto act) {
    const auto slope = [&](double x) { return std::abs(exact_slope<decltype(act)>(x)); };
    // Every activation is flat to 1e-16 beyond |x| = 40, or its slope falls there; whole multiples
    // of 1/64 hit the kinks.
    constexpr int reach = 40 * 64;
    double best = 0;
    for (int i = -reach; i <= reach; ++i) {
      const double x = i / 64.0;
      if (slope(x) > largest) {
        largest = slope(x);
        best = x;
      }
    }
    const auto [x, negative] = boost::math::tools::brent_find_minima(
        [&](double at) { return -slope(at); }, best - 1 / 64.0, best + 1 / 64.0, 40);
    largest = std::max(largest, -negative);
  });
  return largest;
}

std::optional<Bound> find_bound(const GrowthSpec& spec, std::span<const DrawnFacts> seeds) {
  std::vector<double> sigma;
  for (const DrawnFacts& seed : seeds) {
    if (std::isfinite(seed.sigma_max)) sigma.push_back(seed.sigma_max);
  }
  if (!is_dense_chain(spec) || !is_shared(spec) || sigma.empty()) return std::nullopt;
  const double sigma_max = quantile(sigma, 0.5);
  const double gamma = max_slope(spec.activation);
  return Bound{sigma_max, gamma, verdict(sigma_max * gamma)};
}

}  // namespace gradepth::growth
