#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "host/dtype.h"

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

/// Unbiased variance; NaN with fewer than two values.
double variance(std::span<const double> x);

/// ln of the mean of e^x, where e^x itself may leave float64's range.
double ln_mean_exp(std::span<const double> x);

/// Mean with its interval by Student's t; no bounds with one value, NaN without.
Interval student_interval(std::span<const double> x);

/// Mean of the finite slopes with its interval: Student's t below 20 seeds, else the percentile
/// bootstrap with 2000 resamples, drawn by a counter-based generator: the same slopes give the same
/// interval.
Interval mean_interval(std::span<const double> slopes);

/// A statistic of two samples with its 95 % interval: percentile bootstrap with 2000 resamples of
/// both. The same samples give the same interval. Neither may be empty.
Interval two_sample_bootstrap(
    std::span<const double> a, std::span<const double> b,
    const std::function<double(std::span<const double>, std::span<const double>)>& statistic);

/// The interval of factor · x, factor > 0.
Interval scaled(const Interval& x, double factor);

enum class Verdict : std::uint8_t {
  exploding,     // total lies above ln 10
  vanishing,     // below -ln 10
  stable,        // inside ± ln 10
  inconclusive,  // the interval crosses one of them
  overflowed,    // the format ran out above: some gradient is not finite
  underflowed,   // the format ran out below: some gradient is 0 that is not 0 in float64
  zero,          // the gradient itself is 0
};
std::string_view name(Verdict verdict);

/// The verdict on total = rate · L, when the format did not run out.
Verdict judge(const Interval& total);

/// Depth at which the norm has changed a thousandfold by the fit, ln 1000 / |rate|; none beyond
/// `depth`.
std::optional<double> reach(double rate, std::size_t depth);

/// What one run's norms say: the growth columns of a speed row.
struct RunGrowth {
  std::vector<double> ln_norm;  // by depth 0 … L, relative to depth 0; -inf where 0
  double rate;                  // per step
  double total;                 // rate · L
  Verdict verdict;
};

/// From a plan's `dh_norm2` [L + 1], |dL/d state t|², t = 0 … L.
///
/// A gradient that becomes 0 counts as `underflowed` if it fell below the square root of the
/// format's least normal number before, else as `zero`. Throws std::invalid_argument with fewer
/// than two norms.
RunGrowth run_growth(std::span<const double> dh_norm2, Dtype dtype);

/// Whether norms that end in 0 got there by running out of `dtype`, judged by the last non-zero.
bool looks_underflowed(std::span<const double> ln_norm, Dtype dtype);

}  // namespace gradepth::growth
