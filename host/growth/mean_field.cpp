#include "host/growth/mean_field.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "host/growth/quadrature.h"

namespace gradepth::growth {
namespace {

// Where fixed points are looked for: steps of a factor 1.33 from 1e-8 to 1e8.
constexpr double q_min = 1e-8;
constexpr double q_max = 1e8;
constexpr int q_steps = 128;

/// Roots of g on the grid of q by bisection of every bracket with a change of sign.
std::vector<double> roots(const std::function<double(double)>& g) {
  std::vector<double> found;
  const double factor = std::pow(q_max / q_min, 1.0 / q_steps);
  double left = q_min;
  double g_left = g(left);
  for (int i = 1; i <= q_steps; ++i) {
    const double right = q_min * std::pow(factor, i);
    const double g_right = g(right);
    if ((g_left < 0) != (g_right < 0)) {
      double low = left;
      double high = right;
      while (high - low > 1e-14 * high) {
        const double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high) break;
        ((g(middle) < 0) == (g_left < 0) ? low : high) = middle;
      }
      found.push_back(0.5 * (low + high));
    }
    left = right;
    g_left = g_right;
  }
  return found;
}

/// Whether f(c x) = c f(x) for c > 0: then E f² / q and E f'² do not depend on q.
bool homogeneous(std::string_view activation) {
  return activation == "identity" || activation == "relu" || activation == "leaky_relu";
}

}  // namespace

double MeanField::next_q(double q) const {
  return sigma_w2 * moments(activation, q).value2 + noise;
}

double MeanField::chi(double q) const { return sigma_w2 * moments(activation, q).slope2; }

double MeanField::q_slope(double q) const { return sigma_w2 * moments(activation, q).value2_dq; }

std::vector<double> MeanField::stable_q() const {
  if (homogeneous(activation)) {  // the map is a straight line: q ← χ q + noise
    const double line = chi(1.0);
    return line < 1 ? std::vector<double>{noise / (1 - line)} : std::vector<double>{};
  }
  std::vector<double> stable;
  // At slope exactly 1 (tanh at σ_w = 1) the next order decides: look just above 0.
  if (next_q(0) == 0 && q_slope(0) <= 1 && next_q(q_min) < q_min) stable.push_back(0);
  for (const double q : roots([this](double x) { return next_q(x) - x; })) {
    if (q_slope(q) < 1) stable.push_back(q);
  }
  return stable;
}

std::optional<double> MeanField::limit_q(double q1) const {
  const std::vector<double> stable = stable_q();
  if (stable.empty()) return std::nullopt;
  // One-dimensional and increasing: q moves to the next stable point in its direction. All
  // activations of the list have an increasing map on the range of interest; where that direction
  // has no stable point, q runs away.
  const bool grows = next_q(q1) > q1;
  const auto above = std::lower_bound(stable.begin(), stable.end(), q1 * (1 - 1e-12));
  if (grows) return above == stable.end() ? std::nullopt : std::optional(*above);
  const auto after = std::upper_bound(stable.begin(), stable.end(), q1 * (1 + 1e-12));
  return after == stable.begin() ? std::nullopt : std::optional(*(after - 1));
}

std::vector<double> MeanField::trajectory(double q1, std::size_t n) const {
  std::vector<double> q(n);
  for (std::size_t i = 0; i < n; ++i) q[i] = i == 0 ? q1 : next_q(q[i - 1]);
  return q;
}

std::optional<double> critical_sigma(std::string_view activation, double noise) {
  const auto sigma_at = [&](double q) { return 1 / std::sqrt(moments(activation, q).slope2); };
  if (homogeneous(activation)) return sigma_at(1.0);
  const Moments at_0 = moments(activation, 0.0);
  if (noise == 0 && at_0.value2 == 0 && at_0.slope2 > 0) return sigma_at(0.0);
  const auto excess = [&](double q) {
    const Moments m = moments(activation, q);
    return q - m.value2 / m.slope2 - noise;
  };
  std::optional<double> least;
  for (const double q : roots(excess)) {
    const double sigma = sigma_at(q);
    const MeanField field{std::string(activation), sigma * sigma, noise};
    if (field.q_slope(q) < 1 && (!least || sigma < *least)) least = sigma;
  }
  return least;
}

std::optional<double> depth_scale(double chi) {
  const double log_chi = std::log(chi);
  if (!std::isfinite(log_chi) || std::abs(log_chi) < 1e-12) return std::nullopt;
  return 1 / std::abs(log_chi);
}

}  // namespace gradepth::growth
