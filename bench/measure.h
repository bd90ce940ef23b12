#pragma once

#include <functional>
#include <string>
#include <vector>

/// Clocks, samples and statistics of time.
namespace gradepth {

/// Seconds since some fixed moment. Injected, so that the statistics are tested without waiting.
using Clock = std::function<double()>;
/// std::chrono::steady_clock.
Clock steady_clock();

/// Something to time: `prepare` runs before each sample and is not timed.
struct Candidate {
  std::function<void()> run;
  std::function<void()> prepare;  // may be empty; if not, a sample is one run
};

struct MeasureOptions {
  double min_seconds = 0.1;  // timed, per candidate
  double max_seconds = 2.0;  // wall, per candidate: stop then, however noisy
  int min_samples = 10;
  double noise = 0.005;           // stop when the median's relative error is estimated below this
  double sample_seconds = 50e-6;  // shorter runs are repeated until a sample takes as long
};

/// Statistics of the seconds of one run.
struct Timing {
  double median = 0;
  double min = 0;
  double lower_quartile = 0;
  double upper_quartile = 0;
  double noise = 0;  // estimated relative error of the median
  int samples = 0;
};

/// Median, quartiles, and the median's relative standard error, 1.2533 s/√n with s estimated from
/// the interquartile range (s = IQR / 1.349 for a normal distribution), which an outlier does not
/// move.
Timing summarise(std::vector<double> seconds_per_run);

/// Times the candidates in turn, one sample of each per round (A B A B …), so that a drift of the
/// machine hits all alike. One round of warm-up comes first.
std::vector<Timing> measure(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                            const Clock& clock = steady_clock());

}  // namespace gradepth
