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

/// What one look at a clock gave.
struct Sample {
  double seconds = 0;  // of all its runs together
  double clock = 1;    // the processor's rate during them as a share of its default rate
};

/// Something to time: `prepare` runs before each sample and is not timed.
struct Candidate {
  std::function<void()> run;
  std::function<void()> prepare = {};  // may be empty; if not, a sample is one run
  /// Makes so many runs and times them by a clock of its own, such as a GPU's; empty: `run` by the
  /// clock that measure() was given.
  std::function<Sample(int runs)> sample = {};
  int most_runs = 1'000'000;  // in one sample
};

struct MeasureOptions {
  double min_seconds = 0.1;  // timed, per candidate
  double max_seconds = 2.0;  // wall, per candidate: stop then, however noisy
  int min_samples = 10;
  double noise = 0.005;           // stop when the median's relative error is estimated below this
  double noise_change = 0.02;     // or when that estimate itself changes by less than this
  double sample_seconds = 50e-6;  // shorter runs are repeated until a sample takes as long
  double least_clock = 0.75;      // samples below this share of the default clock do not count
};

/// Statistics of the seconds of one run.
struct Timing {
  double median = 0;
  double min = 0;
  double lower_quartile = 0;
  double upper_quartile = 0;
  double noise = 0;                  // estimated relative error of the median
  int samples = 0;                   // 0: none counted, and the times are 0
  int throttled = 0;                 // samples that did not count, because the clock was too low
  std::vector<double> seconds = {};  // of the samples, in the order they were taken
  std::string error = {};            // what ended the measurement, if something did
};

/// Median, quartiles, and the median's relative standard error, 1.2533 s/√n with s estimated from
/// the interquartile range (s = IQR / 1.349 for a normal distribution), which an outlier does not
/// move.
Timing summarise(std::vector<double> seconds_per_run);

/// How many times as fast: baseline's median over own's, with a 95 % interval.
struct Speedup {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// The interval is a percentile bootstrap: both sets of samples are drawn anew 1000 times, always
/// in the same way. Both must have samples.
Speedup speedup(const Timing& baseline, const Timing& own);

/// Times the candidates in turn, one sample of each per round (A B A B …), so that a drift of the
/// machine hits all alike. One round of warm-up comes first. A candidate is done when its noise is
/// low, when 20 more samples no longer changed it by more than noise_change of itself, or when its
/// time is up. One that throws is done too; the others go on.
std::vector<Timing> measure(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                            const Clock& clock = steady_clock());

}  // namespace gradepth
