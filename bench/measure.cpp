#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "host/growth/statistics.h"

namespace gradepth {
namespace {

/// Samples of one candidate so far.
struct Samples {
  int runs_per_sample = 1;
  double timed = 0;  // seconds inside samples
  double wall = 0;   // seconds with preparation
  std::vector<double> seconds_per_run;
};

double time_runs(const Candidate& candidate, int runs, const Clock& clock) {
  const double begin = clock();
  for (int i = 0; i < runs; ++i) candidate.run();
  return clock() - begin;
}

/// Runs the candidate once and chooses how many runs make a sample that the clock resolves.
Samples warm_up(const Candidate& candidate, const MeasureOptions& options, const Clock& clock) {
  Samples samples;
  if (candidate.prepare) {
    candidate.prepare();
    candidate.run();
    return samples;
  }
  candidate.run();
  const double once = time_runs(candidate, 1, clock);
  const double wanted = options.sample_seconds / std::max(once, 1e-9);
  samples.runs_per_sample = static_cast<int>(std::clamp(std::ceil(wanted), 1.0, 1e6));
  return samples;
}

void take_sample(const Candidate& candidate, const Clock& clock, Samples& samples) {
  const double begin = clock();
  if (candidate.prepare) candidate.prepare();
  const double seconds = time_runs(candidate, samples.runs_per_sample, clock);
  samples.seconds_per_run.push_back(seconds / samples.runs_per_sample);
  samples.timed += seconds;
  samples.wall += clock() - begin;
}

bool enough(const Samples& samples, const MeasureOptions& options) {
  if (samples.wall >= options.max_seconds) return true;
  const auto count = static_cast<int>(samples.seconds_per_run.size());
  if (count < options.min_samples || samples.timed < options.min_seconds) return false;
  return summarise(samples.seconds_per_run).noise <= options.noise;
}

}  // namespace

Clock steady_clock() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  };
}

Timing summarise(std::vector<double> seconds_per_run) {
  Timing t;
  t.samples = static_cast<int>(seconds_per_run.size());
  t.median = growth::quantile(seconds_per_run, 0.5);
  t.lower_quartile = growth::quantile(seconds_per_run, 0.25);
  t.upper_quartile = growth::quantile(seconds_per_run, 0.75);
  t.min = growth::quantile(std::move(seconds_per_run), 0);
  const double deviation = (t.upper_quartile - t.lower_quartile) / 1.349;
  if (t.median > 0) t.noise = 1.2533 * deviation / std::sqrt(t.samples) / t.median;
  return t;
}

std::vector<Timing> measure(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                            const Clock& clock) {
  std::vector<Samples> all;
  all.reserve(candidates.size());
  for (const Candidate& candidate : candidates) all.push_back(warm_up(candidate, options, clock));
  bool more = !candidates.empty();
  while (more) {
    more = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!all[i].seconds_per_run.empty() && enough(all[i], options)) continue;
      take_sample(candidates[i], clock, all[i]);
      more = true;
    }
  }
  std::vector<Timing> timings;
  timings.reserve(all.size());
  for (Samples& samples : all) timings.push_back(summarise(std::move(samples.seconds_per_run)));
  return timings;
}

}  // namespace gradepth
