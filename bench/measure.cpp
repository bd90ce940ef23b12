#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <utility>

#include "host/growth/statistics.h"

namespace gradepth {
namespace {

/// Samples of one candidate so far.
struct Samples {
  int runs_per_sample = 1;
  double timed = 0;  // seconds inside samples
  double wall = 0;   // seconds with preparation
  int throttled = 0;
  std::string error;
  std::vector<double> seconds_per_run;
  std::vector<double> noise;  // after each sample, once there are enough of them
};

Sample time_runs(const Candidate& candidate, int runs, const Clock& clock) {
  if (candidate.sample) return candidate.sample(runs);
  const double begin = clock();
  for (int i = 0; i < runs; ++i) candidate.run();
  return {clock() - begin};
}

/// Runs the candidate once and chooses how many runs make a sample that the clock resolves.
void warm_up(const Candidate& candidate, const MeasureOptions& options, const Clock& clock,
             Samples& samples) {
  if (candidate.prepare) {
    candidate.prepare();
    time_runs(candidate, 1, clock);
    return;
  }
  time_runs(candidate, 1, clock);
  const double once = time_runs(candidate, 1, clock).seconds;
  const double wanted = std::ceil(options.sample_seconds / std::max(once, 1e-9));
  samples.runs_per_sample =
      static_cast<int>(std::clamp(wanted, 1.0, static_cast<double>(candidate.most_runs)));
}

void take_sample(const Candidate& candidate, const MeasureOptions& options, const Clock& clock,
                 Samples& samples) {
  const double begin = clock();
  if (candidate.prepare) candidate.prepare();
  const Sample sample = time_runs(candidate, samples.runs_per_sample, clock);
  samples.timed += sample.seconds;
  if (sample.clock < options.least_clock) {
    ++samples.throttled;
  } else {
    samples.seconds_per_run.push_back(sample.seconds / samples.runs_per_sample);
  }
  samples.wall += clock() - begin;
}

/// Whether the estimate of the noise no longer changes: more samples would not bring it down soon.
bool settled(const std::vector<double>& noise, double change) {
  constexpr std::ptrdiff_t window = 20;
  if (std::ssize(noise) < window) return false;
  const auto [least, most] = std::minmax_element(noise.end() - window, noise.end());
  return *most - *least <= change * *most;
}

bool enough(Samples& samples, const MeasureOptions& options) {
  if (samples.wall >= options.max_seconds) return true;
  const auto count = static_cast<int>(samples.seconds_per_run.size());
  if (count < options.min_samples || samples.timed < options.min_seconds) return false;
  samples.noise.push_back(summarise(samples.seconds_per_run).noise);
  return samples.noise.back() <= options.noise || settled(samples.noise, options.noise_change);
}

/// A candidate that fails keeps the reason, and the others go on.
template <class F>
void unless_it_throws(Samples& samples, F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    samples.error = error.what();
  }
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
  if (t.samples == 0) return t;
  t.median = growth::quantile(seconds_per_run, 0.5);
  t.lower_quartile = growth::quantile(seconds_per_run, 0.25);
  t.upper_quartile = growth::quantile(seconds_per_run, 0.75);
  t.min = growth::quantile(seconds_per_run, 0);
  t.seconds = std::move(seconds_per_run);
  const double deviation = (t.upper_quartile - t.lower_quartile) / 1.349;
  if (t.median > 0) t.noise = 1.2533 * deviation / std::sqrt(t.samples) / t.median;
  return t;
}

Speedup speedup(const Timing& baseline, const Timing& own) {
  constexpr int resamples = 1000;
  std::mt19937_64 random(1);
  std::vector<double> drawn;
  const auto resampled_median = [&](const std::vector<double>& samples) {
    drawn.resize(samples.size());
    for (double& x : drawn) x = samples[random() % samples.size()];
    return growth::quantile(drawn, 0.5);
  };
  std::vector<double> ratios(resamples);
  for (double& ratio : ratios) {
    const double slow = resampled_median(baseline.seconds);
    ratio = slow / resampled_median(own.seconds);
  }
  return {baseline.median / own.median, growth::quantile(ratios, 0.025),
          growth::quantile(ratios, 0.975)};
}

std::vector<Timing> measure(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                            const Clock& clock) {
  std::vector<Samples> all(candidates.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    unless_it_throws(all[i], [&] { warm_up(candidates[i], options, clock, all[i]); });
  }
  bool more = !candidates.empty();
  while (more) {
    more = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const bool sampled = !all[i].seconds_per_run.empty() || all[i].throttled > 0;
      if (!all[i].error.empty() || (sampled && enough(all[i], options))) continue;
      unless_it_throws(all[i], [&] { take_sample(candidates[i], options, clock, all[i]); });
      more = true;
    }
  }
  std::vector<Timing> timings;
  timings.reserve(all.size());
  for (Samples& samples : all) {
    timings.push_back(summarise(std::move(samples.seconds_per_run)));
    timings.back().throttled = samples.throttled;
    timings.back().error = std::move(samples.error);
  }
  return timings;
}

}  // namespace gradepth
