#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "host/problem/dtype.h"

/// The statistics of gradient growth, as bench/ROWS.md defines them. All logarithms are natural.
namespace gradepth::growth {

/// A value with its 95 % interval; no bounds with one seed, NaN where nothing could be fitted.
struct Interval {
  double value = 0;
  std::optional<double> low;
  std::optional<double> high;
};

/// First and last depth that the fit uses: ⌈L/10⌉ … L - ⌈L/10⌉, or 0 … L if L < 20.
struct Window {
  std::size_t first;
  std::size_t last;
};
Window fit_window(std::size_t depth);

/// Least-squares slope of y (y[d] at depth d = 0 … L) on the window, in y per step. Points from the
/// first that is not finite on are left out: there the number format has run out. NaN with fewer
/// than two points.
double window_slope(std::span<const double> y);

/// The q-quantile (0 ≤ q ≤ 1) with linear interpolation between order statistics. ±infinity is
/// allowed and comes out where it decides. NaN without values.
double quantile(std::vector<double> values, double q);
/// NaN if a value is NaN.
double median(const std::vector<double>& x);

/// NaN without values.
double mean(std::span<const double> x);

/// Unbiased variance; NaN with fewer than two values.
double variance(std::span<const double> x);

/// ln of the mean of e^x, where e^x itself may leave float64's range.
double ln_mean_exp(std::span<const double> x);

/// Mean with its interval by Student's t; no bounds with one value, NaN without.
Interval student_interval(std::span<const double> x);

/// student_interval of those that are finite.
Interval mean_interval(std::span<const double> slopes);

/// mean(a) - mean(b) with its 95 % interval by Welch's t (1947). Two values each, at least.
Interval mean_difference(std::span<const double> a, std::span<const double> b);

/// The ratio of the standard deviations of a and b with its 95 % interval: Welch's t on the
/// pseudo-values of ln variance that the jackknife gives (Miller 1968), since that of an F
/// distribution is wrong by far where the numbers are not normal. Three values each, at least.
Interval spread_ratio(std::span<const double> a, std::span<const double> b);

/// The least-squares line y = intercept + slope x.
struct Line {
  Interval slope;  // 95 %, by Student's t
  double intercept;
  double correlation;
};
/// Of n points, n ≥ 3, of which the x are not all the same.
Line fit_line(std::span<const double> x, std::span<const double> y);

/// The interval of factor · x, factor > 0.
Interval scaled(const Interval& x, double factor);

enum class Verdict : std::uint8_t {
  exploding,     // the gradient has grown more than tenfold over the whole way
  vanishing,     // has shrunk more than tenfold
  stable,        // neither
  inconclusive,  // the interval crosses a factor of ten, or there is none
  overflowed,    // the format ran out above: some gradient or state is not finite
  underflowed,   // the format ran out below: some gradient has lost half of its digits (range.h)
  zero,          // the gradient is 0 on paper
  too_shallow,   // fewer than four maps say nothing about growth with depth
};
constexpr std::size_t verdict_count = 8;
std::string_view name(Verdict verdict);

/// exploding, vanishing, stable or inconclusive, from the ln of the gradient's growth over the
/// whole way. Bounds that are missing are those of a value known exactly.
Verdict judge(const Interval& ln_growth);

/// Depth at which the norm has changed a thousandfold by the fit, ln 1000 / |rate|; none beyond
/// `depth`.
std::optional<double> reach(double rate, std::size_t depth);

/// What one run's norms say: the growth columns of a speed row.
struct RunGrowth {
  std::vector<double> ln_norm;  // by depth 0 … L, relative to depth 0; -inf where 0
  double rate;                  // per step
  double total;                 // rate · L
};

/// From a plan's `dh_norm2` [L + 1], |dL/d state t|², t = 0 … L. One run has no verdict. Throws
/// std::invalid_argument with fewer than two norms.
RunGrowth run_growth(std::span<const double> dh_norm2);

}  // namespace gradepth::growth
