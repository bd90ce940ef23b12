#include "host/growth/laws/law.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>
#include <sstream>

#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

// Where γ is looked for, and how finely at first.
constexpr double least_gamma = -1;
constexpr double largest_gamma = 3;
constexpr double gamma_step = 0.1;

/// What the seeds gain from map to map, on the maps of the fit's window.
class Increments {
 public:
  explicit Increments(std::span<const std::vector<double>> ln_norms) {
    const std::size_t L = ln_norms.front().size() - 1;
    const Window window = fit_window(L);
    for (std::size_t d = window.first + 1; d <= window.last; ++d) {
      ln_i_.push_back(std::log(static_cast<double>(L - d + 1)));
    }
    mean_.resize(ln_i_.size());
    for (const std::vector<double>& y : ln_norms) {
      std::vector<double> gains;
      for (std::size_t d = window.first + 1; d <= window.last; ++d) {
        gains.push_back(y[d] - y[d - 1]);
      }
      for (std::size_t k = 0; k < gains.size(); ++k) {
        mean_[k] += gains[k] / static_cast<double>(ln_norms.size());
      }
      seeds_.push_back(std::move(gains));
    }
    middle_ = growth::mean(ln_i_);
    // All sums over seeds are of normal numbers, as far as Student's t needs it.
    if (seeds_.size() > 1) {
      const boost::math::students_t t(static_cast<double>(seeds_.size() - 1));
      t_ = boost::math::quantile(t, 0.975);
    }
  }

  [[nodiscard]] std::size_t maps() const { return ln_i_.size(); }
  /// Of the mean, over the window.
  [[nodiscard]] double total() const { return growth::mean(mean_) * static_cast<double>(maps()); }

  /// Squares that c i^-γ explains of the mean increments.
  [[nodiscard]] double explained(double gamma) const {
    const std::vector<double> w = weights(gamma);
    const double wy = dot(w, mean_);
    return wy * wy / dot(w, w);
  }
  /// Σ ψ_i y_i of the mean: 0 at the γ of least squares.
  [[nodiscard]] double slope(double gamma) const { return dot(psi(gamma), mean_); }
  /// Whether Student's t refuses this γ: above 0 if it does. For at least two seeds.
  [[nodiscard]] double refusal(double gamma) const {
    const std::vector<double> psi_i = psi(gamma);
    const double size = std::sqrt(dot(psi_i, psi_i));
    std::vector<double> sums;
    sums.reserve(seeds_.size());
    for (const std::vector<double>& y : seeds_) sums.push_back(dot(psi_i, y) / size);
    const double error = std::sqrt(variance(sums) / static_cast<double>(sums.size()));
    return std::abs(growth::mean(sums)) - t_ * error;
  }
  /// c of each seed, at this γ.
  [[nodiscard]] std::vector<double> factors(double gamma) const {
    std::vector<double> i_gamma;
    i_gamma.reserve(maps());
    for (const double ln_i : ln_i_) i_gamma.push_back(std::exp(-gamma * ln_i));
    std::vector<double> c;
    c.reserve(seeds_.size());
    for (const std::vector<double>& y : seeds_) {
      c.push_back(dot(i_gamma, y) / dot(i_gamma, i_gamma));
    }
    return c;
  }

 private:
  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
    return sum;
  }
  /// i^-γ, 1 in the middle.
  [[nodiscard]] std::vector<double> weights(double gamma) const {
    std::vector<double> w;
    w.reserve(maps());
    for (const double ln_i : ln_i_) w.push_back(std::exp(-gamma * (ln_i - middle_)));
    return w;
  }
  [[nodiscard]] std::vector<double> psi(double gamma) const {
    std::vector<double> w = weights(gamma);
    double w2 = 0;
    double w2_ln = 0;
    for (std::size_t k = 0; k < w.size(); ++k) {
      w2 += w[k] * w[k];
      w2_ln += w[k] * w[k] * (ln_i_[k] - middle_);
    }
    const double lambda = w2_ln / w2;
    for (std::size_t k = 0; k < w.size(); ++k) w[k] *= ln_i_[k] - middle_ - lambda;
    return w;
  }

  std::vector<double> ln_i_;  // from the map behind the loss's margin to that before the input's
  double middle_ = 0;
  std::vector<std::vector<double>> seeds_;
  std::vector<double> mean_;
  double t_ = 0;
};

/// A root of f between a and b, where f changes its sign.
template <class F>
double gamma_root(F f, double a, double b) {
  std::uintmax_t evaluations = 100;
  const auto [low, high] = boost::math::tools::toms748_solve(
      f, a, b, boost::math::tools::eps_tolerance<double>(40), evaluations);
  return 0.5 * (low + high);
}

/// The γ of least squares; none at an end of the range.
std::optional<double> best_gamma(const Increments& increments) {
  const int steps = static_cast<int>(std::lround((largest_gamma - least_gamma) / gamma_step));
  const auto at = [](int k) { return least_gamma + k * gamma_step; };
  int best = 0;
  double most = -1;
  for (int k = 0; k <= steps; ++k) {
    const double explained = increments.explained(at(k));
    if (explained > most) {
      most = explained;
      best = k;
    }
  }
  if (best == 0 || best == steps) return std::nullopt;
  const auto slope = [&](double gamma) { return increments.slope(gamma); };
  const double low = at(best - 1);
  const double high = at(best + 1);
  if (slope(low) * slope(high) > 0) return at(best);  // c changes its sign here: no worse than any
  return gamma_root(slope, low, high);
}

/// From γ, which Student's t allows, to where it does not, in steps of this sign.
double gamma_bound(const Increments& increments, double gamma, double step) {
  const auto refusal = [&](double g) { return increments.refusal(g); };
  for (double inside = gamma;;) {
    const double next = inside + step;
    if (next < least_gamma || next > largest_gamma) {
      return std::copysign(std::numeric_limits<double>::infinity(), step);
    }
    if (refusal(next) > 0) {
      if (refusal(inside) >= 0) return inside;  // no spread at all
      return gamma_root(refusal, std::min(inside, next), std::max(inside, next));
    }
    inside = next;
  }
}

std::string two_digits(double x) {
  std::ostringstream text;
  text.precision(2);
  text << x;
  return text.str();
}

/// `gamma 0.4 [0.1, 0.7]`
std::string gamma_in_words(const Interval& gamma) {
  const auto end = [](double x) { return std::isinf(x) ? std::string("?") : two_digits(x); };
  std::string text = "gamma " + two_digits(gamma.value);
  if (gamma.low && gamma.high) text += " [" + end(*gamma.low) + ", " + end(*gamma.high) + "]";
  return text;
}

bool has_0_within(const Interval& x) { return x.low && x.high && *x.low <= 0 && *x.high >= 0; }

LawFit no_law_since(std::string reason, std::optional<Interval> gamma = std::nullopt) {
  return {std::nullopt, std::move(reason), gamma};
}

/// `rate` is the exponent if the law is an exponential.
LawFit choose_law(const Increments& increments, const Interval& gamma, const Interval& rate) {
  const double low = gamma.low.value_or(gamma.value);
  const double high = gamma.high.value_or(gamma.value);
  const auto meets = [&](double x) { return low <= x + gamma_margin && high >= x - gamma_margin; };
  const std::string not_told = "the growth is not told from none";
  if (has_0_within(mean_interval(increments.factors(gamma.value))))
    return no_law_since(not_told, gamma);
  if (meets(0) && meets(1)) {
    return no_law_since("what a map adds goes as i^-gamma, " + gamma_in_words(gamma) +
                            ": exponential (0) and power (1) are not told apart",
                        gamma);
  }
  Law law{LawKind::stretched, {1 - gamma.value, std::nullopt, std::nullopt}};
  if (meets(0)) law = {LawKind::exponential, rate};
  if (meets(1)) law = {LawKind::power, mean_interval(increments.factors(1))};
  if (law.kind != LawKind::stretched) {
    return has_0_within(law.exponent) ? no_law_since(not_told, gamma) : LawFit{law, "", gamma};
  }
  if (gamma.value > 1) {
    return no_law_since(
        "the growth comes to an end: what a map adds goes as i^-gamma, " + gamma_in_words(gamma),
        gamma);
  }
  if (gamma.low && gamma.high) {
    law.exponent.low = 1 - *gamma.high;
    law.exponent.high = 1 - *gamma.low;
  }
  return {law, "", gamma};
}

}  // namespace

std::string_view name(LawKind kind) {
  constexpr std::array<std::string_view, 3> names{"exponential", "power", "stretched"};
  return names.at(static_cast<std::size_t>(kind));
}

LawFit fit_law(std::span<const std::vector<double>> ln_norms, bool is_random, double epsilon) {
  constexpr std::size_t shallow = 4;
  const std::size_t L = ln_norms.front().size() - 1;
  if (L < shallow) return no_law_since("fewer than 4 maps");
  if (ln_norms.size() == 1 && is_random) return no_law_since("one seed has no interval");
  const Window window = fit_window(L);
  std::vector<double> rates;
  for (const std::vector<double>& y : ln_norms) {
    const auto begin = y.begin() + static_cast<std::ptrdiff_t>(window.first);
    const auto end = y.begin() + static_cast<std::ptrdiff_t>(window.last + 1);
    if (!std::all_of(begin, end, [](double v) { return std::isfinite(v); })) {
      return no_law_since("the gradient of a seed ends on the way");
    }
    rates.push_back(window_slope(y));
  }
  const Increments increments(ln_norms);
  if (std::abs(increments.total()) <= epsilon * static_cast<double>(increments.maps())) {
    return no_law_since("the gradient does not change but for rounding");
  }
  const std::optional<double> gamma = best_gamma(increments);
  if (!gamma) {
    return no_law_since("what a map adds goes as no power i^-gamma of its number, gamma from " +
                        two_digits(least_gamma) + " to " + two_digits(largest_gamma));
  }
  Interval interval{*gamma, std::nullopt, std::nullopt};
  if (ln_norms.size() > 1) {
    interval.low = gamma_bound(increments, *gamma, -gamma_step);
    interval.high = gamma_bound(increments, *gamma, gamma_step);
  }
  return choose_law(increments, interval, mean_interval(rates));
}

std::optional<Law> law_of(const Theory& theory, std::size_t depth) {
  if (theory.by_map.size() != depth) {
    if (theory.rate == 0 || !std::isfinite(theory.rate)) return std::nullopt;
    return Law{LawKind::exponential, {theory.rate, std::nullopt, std::nullopt}};
  }
  std::vector<double> ln_norm(depth + 1);
  for (std::size_t d = 1; d <= depth; ++d) {
    ln_norm[d] = ln_norm[d - 1] + theory.by_map[depth - d];
  }
  constexpr double rounding = 1e-14;
  return fit_law(std::span(&ln_norm, 1), false, rounding).law;
}

}  // namespace gradepth::growth
