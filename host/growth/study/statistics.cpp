#include "host/growth/study/statistics.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "host/text/not_finite.h"

namespace gradepth::growth {
Window fit_window(std::size_t depth) {
  if (depth < 20) return {0, depth};
  const std::size_t margin = (depth + 9) / 10;
  return {margin, depth - margin};
}

double window_slope(std::span<const double> y) {
  if (y.size() < 2) return nan;
  const Window window = fit_window(y.size() - 1);
  const auto finite_end = static_cast<std::size_t>(
      std::find_if_not(y.begin(), y.end(), [](double v) { return std::isfinite(v); }) - y.begin());
  const std::size_t end = std::min(window.last + 1, finite_end);
  if (end < window.first + 2) return nan;
  const auto n = static_cast<double>(end - window.first);
  const double centre = static_cast<double>(window.first) + 0.5 * (n - 1);
  double xy = 0;
  double xx = 0;
  for (std::size_t d = window.first; d < end; ++d) {
    const double x = static_cast<double>(d) - centre;
    xy += x * (y[d] - y[window.first]);  // the slope of a constant is 0, not a rounding error
    xx += x * x;
  }
  return xy / xx;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return nan;
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const double fraction = position - static_cast<double>(below);
  // Without this test the product 0 · infinity would give NaN.
  if (fraction == 0 || values[below] == values[below + 1]) return values[below];
  return values[below] + fraction * (values[below + 1] - values[below]);
}

double median(const std::vector<double>& x) {
  return std::any_of(x.begin(), x.end(), [](double v) { return std::isnan(v); }) ? nan
                                                                                 : quantile(x, 0.5);
}

double mean(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += value;
  return sum / static_cast<double>(x.size());
}

double variance(std::span<const double> x) {
  if (x.size() < 2) return nan;
  const double centre = mean(x);
  double squares = 0;
  for (const double value : x) squares += (value - centre) * (value - centre);
  return squares / static_cast<double>(x.size() - 1);
}

double ln_mean_exp(std::span<const double> x) {
  if (x.empty()) return nan;
  const double largest = *std::max_element(x.begin(), x.end());
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (const double value : x) sum += std::exp(value - largest);
  return largest + std::log(sum / static_cast<double>(x.size()));
}

Interval student_interval(std::span<const double> x) {
  if (x.empty()) return {nan, std::nullopt, std::nullopt};
  const double centre = mean(x);
  if (x.size() == 1) return {centre, std::nullopt, std::nullopt};
  const auto n = static_cast<double>(x.size());
  const double error = std::sqrt(variance(x) / n);
  const double t = boost::math::quantile(boost::math::students_t(n - 1), 0.975);
  return {centre, centre - t * error, centre + t * error};
}

Interval mean_interval(std::span<const double> slopes) {
  std::vector<double> finite;
  std::copy_if(slopes.begin(), slopes.end(), std::back_inserter(finite),
               [](double v) { return std::isfinite(v); });
  return student_interval(finite);
}

Interval mean_difference(std::span<const double> a, std::span<const double> b) {
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  const double va = variance(a) / n;
  const double vb = variance(b) / m;
  const double value = mean(a) - mean(b);
  if (va + vb == 0) return {value, value, value};
  const double degrees = (va + vb) * (va + vb) / (va * va / (n - 1) + vb * vb / (m - 1));
  if (!std::isfinite(degrees)) return {value, std::nullopt, std::nullopt};
  const double t = boost::math::quantile(boost::math::students_t(degrees), 0.975);
  const double error = t * std::sqrt(va + vb);
  return {value, value - error, value + error};
}

namespace {

/// n ln s² - (n - 1) ln s² without one of them, for each.
std::vector<double> pseudo_values(std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  const double whole = std::log(variance(x));
  std::vector<double> rest(x.begin(), x.end() - 1);
  std::vector<double> values;
  for (std::size_t i = x.size(); i-- > 0;) {
    values.push_back(n * whole - (n - 1) * std::log(variance(rest)));
    if (i > 0) rest[i - 1] = x[i];  // the one that was left out takes the place of the next
  }
  return values;
}

}  // namespace

Interval spread_ratio(std::span<const double> a, std::span<const double> b) {
  const Interval ln_ratio = mean_difference(pseudo_values(a), pseudo_values(b));
  const double value = std::sqrt(variance(a) / variance(b));
  if (!ln_ratio.low || !ln_ratio.high)
    return {value, std::nullopt, std::nullopt};  // no spread, but for one of them
  return {value, std::exp(0.5 * *ln_ratio.low), std::exp(0.5 * *ln_ratio.high)};
}

Line fit_line(std::span<const double> x, std::span<const double> y) {
  const double x_mean = mean(x);
  const double y_mean = mean(y);
  double xx = 0;
  double xy = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
    yy += (y[i] - y_mean) * (y[i] - y_mean);
  }
  const double slope = xy / xx;
  const double degrees = static_cast<double>(x.size()) - 2;
  const double residuals = std::max(0.0, yy - slope * xy);
  const double t = boost::math::quantile(boost::math::students_t(degrees), 0.975);
  const double error = t * std::sqrt(residuals / degrees / xx);
  return {{slope, slope - error, slope + error}, y_mean - slope * x_mean, xy / std::sqrt(xx * yy)};
}

Interval scaled(const Interval& x, double factor) {
  Interval y{x.value * factor, x.low, x.high};
  if (y.low) *y.low *= factor;
  if (y.high) *y.high *= factor;
  return y;
}

std::string_view name(Verdict verdict) {
  constexpr std::array<std::string_view, verdict_count> names{
      "exploding",  "vanishing",   "stable", "inconclusive",
      "overflowed", "underflowed", "zero",   "too_shallow"};
  return names.at(static_cast<std::size_t>(verdict));
}

Verdict judge(const Interval& total) {
  const double low = total.low.value_or(total.value);
  const double high = total.high.value_or(total.value);
  if (low > std::numbers::ln10) return Verdict::exploding;
  if (high < -std::numbers::ln10) return Verdict::vanishing;
  if (low > -std::numbers::ln10 && high < std::numbers::ln10) return Verdict::stable;
  return Verdict::inconclusive;
}

std::optional<double> reach(double rate, std::size_t depth) {
  const double d = 3 * std::numbers::ln10 / std::abs(rate);
  return d <= static_cast<double>(depth) ? std::optional(d) : std::nullopt;
}

RunGrowth run_growth(std::span<const double> dh_norm2) {
  if (dh_norm2.size() < 2) throw std::invalid_argument("dh_norm2: at least two norms are needed");
  const std::size_t L = dh_norm2.size() - 1;
  std::vector<double> ln_norm(L + 1);
  for (std::size_t d = 0; d <= L; ++d) ln_norm[d] = 0.5 * std::log(dh_norm2[L - d]);
  const double ln_start = ln_norm[0];
  for (double& value : ln_norm) value -= ln_start;
  const double rate = window_slope(ln_norm);
  return {std::move(ln_norm), rate, rate * static_cast<double>(L)};
}

}  // namespace gradepth::growth
