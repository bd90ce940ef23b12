#include "host/growth/theory/mean_field.h"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdint>
#include <functional>

#include "host/growth/study/statistics.h"
#include "host/growth/theory/quadrature.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

// Where fixed points are looked for: from 0 in steps of a factor 4/3 from 1e-8 to 1e8, and from
// there, where every map of q is all but a straight line, in steps of 10.
constexpr double q_min = 1e-8;
constexpr double q_straight = 1e8;

/// Up to where: bounded activations have q ≤ noise + σ_w², others a line q = (noise + …) / (1 - χ).
/// Far beyond, a map and the line it comes close to differ by rounding alone.
double q_end(double sigma_w2, double noise) {
  return std::min(1e8 + 1e4 * (sigma_w2 + noise), 1e40);
}

// q that changes by less than this per map is carried several maps at a time, by up to that much.
constexpr double slow = 1e-3;
constexpr double longest_move = 0.05;
constexpr double longest_rest = 0.1;

/// Roots of g on [0, end], one of every bracket with a change of sign; not a root at 0.
std::vector<double> roots(const std::function<double(double)>& g, double end) {
  std::vector<double> found;
  double left = g(0) == 0 ? q_min : 0;
  double g_left = g(left);
  for (double right = q_min * (4.0 / 3); left < end; right *= right < q_straight ? 4.0 / 3 : 10) {
    const double g_right = g(right);
    if ((g_left < 0) != (g_right < 0)) {
      std::uintmax_t evaluations = 200;
      const auto [low, high] = boost::math::tools::toms748_solve(
          g, left, right, g_left, g_right, boost::math::tools::eps_tolerance<double>(48),
          evaluations);
      found.push_back(0.5 * (low + high));
    }
    left = right;
    g_left = g_right;
  }
  return found;
}

}  // namespace

double MeanField::next_q(double q) const { return sigma_w2 * second_moment(activation, q) + noise; }

double MeanField::chi(double q) const { return sigma_w2 * moments(activation, q).slope2; }

double MeanField::q_slope(double q) const { return sigma_w2 * moments(activation, q).value2_dq; }

std::vector<double> MeanField::stable_q() const {
  if (activation->homogeneous) {  // the map is a straight line: q ← χ q + noise
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

std::optional<double> MeanField::limit_q(double ln_q1) const {
  const std::vector<double> stable = stable_q();
  std::vector<double> ln_stable(stable.size());
  std::transform(stable.begin(), stable.end(), ln_stable.begin(),
                 [](double q) { return std::log(q); });
  const auto places_before = [&](auto at) {
    return static_cast<std::size_t>(at - ln_stable.begin());
  };
  // One-dimensional and increasing: q moves to the next stable point in its direction. All
  // activations of the list have an increasing map on the range of interest; where that direction
  // has no stable point, q runs away.
  constexpr double rounding = 1e-12;
  if (next_ln_q(ln_q1) > ln_q1) {
    const std::size_t above =
        places_before(std::lower_bound(ln_stable.begin(), ln_stable.end(), ln_q1 - rounding));
    return above == stable.size() ? std::nullopt : std::optional(stable[above]);
  }
  const std::size_t after =
      places_before(std::upper_bound(ln_stable.begin(), ln_stable.end(), ln_q1 + rounding));
  return after == 0 ? std::nullopt : std::optional(stable[after - 1]);
}

double MeanField::next_ln_q(double ln_q) const {
  return ln_sum(std::log(sigma_w2) + ln_second_moment(activation, ln_q), std::log(noise));
}

double MeanField::ln_chi(double ln_q) const {
  return std::log(sigma_w2) + std::log(slope_moment(activation, ln_q));
}

Carried carry(double ln_q1, std::size_t n, const std::function<double(double)>& next_ln_q,
              const std::function<double(double)>& ln_chi) {
  Carried carried{{}, ln_q1};
  carried.ln_chi.reserve(n);
  const auto change = [&](double ln_q) {
    const double next = next_ln_q(ln_q);
    return next == ln_q ? 0 : next - ln_q;  // infinite ones rest
  };
  double chi = ln_chi(ln_q1);
  double before = nan;  // the change of the step before
  while (carried.ln_chi.size() < n) {
    carried.ln_chi.push_back(chi);
    const std::size_t left = n - carried.ln_chi.size();
    if (left == 0) break;
    const double k1 = change(carried.ln_q);
    if (std::abs(k1) < 1e-14) {
      carried.ln_chi.resize(n, chi);
      break;
    }
    // As many maps at once as neither move q far nor bring it much closer to rest.
    const double closer = std::abs(1 - k1 / before);
    before = k1;
    const double most = std::min(longest_move / std::abs(k1), longest_rest / closer);
    const std::size_t maps =
        most < static_cast<double>(left) ? static_cast<std::size_t>(std::max(most, 1.0)) : left;
    if (maps < 4 || !(std::abs(k1) < slow)) {
      carried.ln_q += k1;
      chi = ln_chi(carried.ln_q);
      continue;
    }
    // Runge-Kutta's step of order 4, ln χ interpolated over its maps.
    const auto step = static_cast<double>(maps);
    const double k2 = change(carried.ln_q + 0.5 * step * k1);
    const double k3 = change(carried.ln_q + 0.5 * step * k2);
    const double k4 = change(carried.ln_q + step * k3);
    carried.ln_q += step / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    const double next_chi = ln_chi(carried.ln_q);
    for (std::size_t i = 1; i < maps; ++i) {
      carried.ln_chi.push_back(chi + (next_chi - chi) * static_cast<double>(i) / step);
    }
    chi = next_chi;
  }
  return carried;
}

Carried carry(const MeanField& field, double ln_q1, std::size_t n) {
  return carry(
      ln_q1, n, [&](double ln_q) { return field.next_ln_q(ln_q); },
      [&](double ln_q) { return field.ln_chi(ln_q); });
}

double window_rate(std::span<const double> ln_chi) {
  std::vector<double> ln_norm(ln_chi.size() + 1);
  for (std::size_t d = 1; d < ln_norm.size(); ++d) {
    ln_norm[d] = ln_norm[d - 1] + 0.5 * ln_chi[ln_chi.size() - d];  // depth 1 is the last map
  }
  return window_slope(ln_norm);
}

std::vector<double> ln_norm_by_map(std::span<const double> ln_chi) {
  std::vector<double> by_map(ln_chi.begin(), ln_chi.end());
  for (double& x : by_map) x *= 0.5;
  return by_map;
}

double ln_sum(double a, double b) {
  const double larger = std::max(a, b);
  return std::isinf(larger) ? larger : larger + std::log1p(std::exp(std::min(a, b) - larger));
}

std::optional<double> critical_sigma(Activation activation, double noise) {
  const auto sigma_at = [&](double q) { return 1 / std::sqrt(moments(activation, q).slope2); };
  if (activation->homogeneous) return sigma_at(1.0);
  const Moments at_0 = moments(activation, 0.0);
  if (noise == 0 && at_0.value2 == 0 && at_0.slope2 > 0) {
    // For GELU and its like q moves away from 0 there.
    const double sigma = sigma_at(0.0);
    const std::vector<double> stable = MeanField{activation, sigma * sigma, 0}.stable_q();
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
    const MeanField field{activation, sigma * sigma, noise};
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
