#include "host/growth/mean_field.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "host/growth/quadrature.h"

namespace gradepth::growth {
namespace {

// Where fixed points are looked for: from 0 in steps of a factor 4/3 from 1e-8 on.
constexpr double q_min = 1e-8;
constexpr double q_step = 4.0 / 3.0;

/// Up to where: bounded activations have q ≤ noise + σ_w², others a line q = (noise + …) / (1 - χ).
double q_end(double sigma_w2, double noise) { return 1e8 + 1e4 * (sigma_w2 + noise); }

/// Roots of g on [0, end], by bisection of every bracket with a change of sign; not a root at 0.
std::vector<double> roots(const std::function<double(double)>& g, double end) {
  std::vector<double> found;
  double left = g(0) == 0 ? q_min : 0;
  double g_left = g(left);
  for (double right = q_min * q_step; left < end; right *= q_step) {
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

double MeanField::next_q(double q) const { return sigma_w2 * second_moment(activation, q) + noise; }

double MeanField::chi(double q) const { return sigma_w2 * moments(activation, q).slope2; }

double MeanField::q_slope(double q) const { return sigma_w2 * moments(activation, q).value2_dq; }

std::vector<double> MeanField::stable_q() const {
  if (homogeneous(activation)) {  // the map is a straight line: q ← χ q + noise
    const double line = chi(1.0);
    return line < 1 ? std::vector<double>{noise / (1 - line)} : std::vector<double>{};
  }
  // A map that is the identity up to rounding (hard_tanh near 0 at σ_w = 1) counts as falling.
  const auto change = [this](double q) { return next_q(q) - q * (1 + 1e-13); };
  std::vector<double> stable;
  // Looked at just above 0: at slope 1 (tanh at σ_w = 1) the next order decides.
  if (next_q(0) == 0 && change(q_min) < 0) stable.push_back(0);
  for (const double q : roots(change, q_end(sigma_w2, noise))) {
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
  if (noise == 0 && at_0.value2 == 0 && at_0.slope2 > 0) {
    // For GELU and its like q moves away from 0 there.
    const double sigma = sigma_at(0.0);
    const std::vector<double> stable =
        MeanField{std::string(activation), sigma * sigma, 0}.stable_q();
    const bool rests = !stable.empty() && stable.front() == 0;
    return rests ? std::optional(sigma) : std::nullopt;
  }
  const auto excess = [&](double q) {
    const Moments m = moments(activation, q);
    return q - m.value2 / m.slope2 - noise;
  };
  std::optional<double> least;
  for (const double q : roots(excess, q_end(1, noise))) {
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
