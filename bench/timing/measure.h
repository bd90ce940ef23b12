#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/timing/preemption.h"

/// Clocks, samples and statistics of time.
namespace gradepth {

/// Seconds since some fixed moment.
using Clock = std::function<double()>;
/// std::chrono::steady_clock.
Clock steady_clock();

/// What measuring needs of the world. Injected, so that the statistics are tested without waiting.
struct Watch {
  Clock clock;
  UsageReader usage = {};                  // empty: no sample counts as preempted
  std::function<void(double)> pause = {};  // sleeps for so many seconds; empty: never
  /// What it returns is held while something is measured; empty: nothing is.
  std::function<std::shared_ptr<const void>()> hold = {};
};
/// steady_clock, process_usage, a sleep, PinnedTeam.
Watch host_watch();

/// What one look at a clock gave.
struct Sample {
  double seconds = 0;  // of all its runs together
  double clock = 1;    // the processor's rate during them as a share of its default rate
};

/// Something to time: `prepare` runs before each sample and is not timed.
struct Candidate {
  std::function<void()> run;
  std::function<void()> prepare = {};  // may be empty; if not, a sample is one run
  /// Makes so many runs and times them by a clock of its own, such as a GPU's, which nobody on the
  /// host disturbs; empty: `run` by the clock that measure() was given.
  std::function<Sample(int runs)> sample = {};
  int most_runs = 1'000'000;  // in one sample
  bool sleeps = false;        // `run` waits for another device, off the processor
};

struct MeasureOptions {
  double min_seconds = 0.1;  // timed, per candidate
  double max_seconds = 2.0;  // wall, per candidate, with pauses: stop then, however noisy
  int min_samples = 10;
  int min_blocks = 5;
  double block_gap = 0.02;         // seconds between blocks
  double noise = 0.02;             // stop when the noise is not above this
  double sample_seconds = 200e-6;  // shorter runs are repeated until a sample takes as long
  double most_lost = 0.05;         // a sample that lost more of its time to others is preempted
  double least_clock = 0.75;       // samples below this share of the default clock do not count
};

/// Samples that were taken close together: seconds of one run.
struct Block {
  std::vector<double> clean;
  std::vector<double> preempted;
};

/// No machine repeats itself better from one run of a program to the next: pages, caches and
/// neighbours differ.
constexpr double least_noise = 0.02;
/// Blocks that agree no better than this were disturbed by something.
constexpr double most_noise = 0.1;

/// Statistics of the seconds of one run.
struct Timing {
  double median = 0;  // of the blocks' medians
  double min = 0;
  double lower_quartile = 0;
  double upper_quartile = 0;
  double noise = 0;        // relative error of the median; NaN with fewer blocks than min_blocks
  int samples = 0;         // 0: none counted, and the times are 0
  int blocks = 0;          // that have a sample
  int preempted = 0;       // samples that other processes took the processor from
  int throttled = 0;       // samples that did not count, because the clock was too low
  bool disturbed = false;  // preempted samples had to count, or the blocks disagree
  std::string error = {};  // what ended the measurement, if something did
};

/// Preempted samples count only where fewer than half of all, and fewer than min_samples, are
/// clean. The noise comes from the blocks' medians: half of their mean's 95 % interval (Student's
/// t) over 1.96, at least least_noise. Samples of one block share neighbours and caches, so that
/// their own spread says less than it seems to.
Timing summarise(const std::vector<Block>& blocks, const MeasureOptions& options = {});

/// How many times as fast: baseline's median over own's, with a 95 % interval.
struct Speedup {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// The interval is 1.96 standard errors of the ratio's logarithm, from the noise of both; NaN where
/// one is unknown. Both must have samples.
Speedup speedup(const Timing& baseline, const Timing& own);

/// Times the candidates in turn, one sample of each per round (A B A B …), so that a drift of the
/// machine hits all alike, in blocks with pauses between them. Runs of warm-up come first, and one
/// at the beginning of each block, since threads fall asleep in a pause. A
/// candidate is done when it has its clean samples in min_blocks blocks and its noise is low, or
/// when its time is up. One that throws is done too; the others go on.
std::vector<Timing> measure(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                            const Watch& watch = host_watch());

/// measure(), and once more for what came out disturbed; of both the undisturbed, else the shorter.
std::vector<Timing> measure_again_if_disturbed(const std::vector<Candidate>& candidates,
                                               const MeasureOptions& options,
                                               const Watch& watch = host_watch());

}  // namespace gradepth
