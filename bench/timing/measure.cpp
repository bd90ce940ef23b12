#include "bench/timing/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include "host/growth/study/statistics.h"
#include "host/text/not_finite.h"

namespace gradepth {
namespace {

/// Samples of one candidate so far.
struct Samples {
  int runs_per_sample = 1;
  double once = 0;  // seconds of one run, lately
  double wall = 0;  // seconds, with preparation and pauses
  int throttled = 0;
  std::string error = {};
  std::vector<Block> blocks = {};
  bool done = false;

  // Of the block that is being taken:
  double block_timed = 0;  // seconds inside clean samples
  double block_wall = 0;
  int block_samples = 0;  // of any kind
};

Sample time_runs(const Candidate& candidate, int runs, const Clock& clock) {
  if (candidate.sample) return candidate.sample(runs);
  const double begin = clock();
  for (int i = 0; i < runs; ++i) candidate.run();
  return {clock() - begin};
}

/// So many runs that a sample is long enough, by the time of one.
void choose_runs(const Candidate& candidate, const MeasureOptions& options, Samples& samples) {
  const double wanted = std::ceil(options.sample_seconds / std::max(samples.once, 1e-9));
  samples.runs_per_sample =
      static_cast<int>(std::clamp(wanted, 1.0, static_cast<double>(candidate.most_runs)));
}

/// Short enough that a scheduler's time slice may be most of it, in seconds.
constexpr double slice = 10e-3;

/// Runs the candidate once and chooses how many runs make a sample that the clock resolves.
void warm_up(const Candidate& candidate, const MeasureOptions& options, const Clock& clock,
             Samples& samples) {
  if (candidate.prepare) {
    candidate.prepare();
    samples.once = time_runs(candidate, 1, clock).seconds;
    return;
  }
  time_runs(candidate, 1, clock);
  double& once = samples.once;
  once = time_runs(candidate, 1, clock).seconds;
  const auto maybe_preempted = [&] { return once > options.sample_seconds && once < slice; };
  for (int i = 0; i < 3 && maybe_preempted(); ++i) {
    once = std::min(once, time_runs(candidate, 1, clock).seconds);
  }
  choose_runs(candidate, options, samples);
}

/// A run that does not count, where it is short: waking threads and filling caches after a pause
/// may take as long.
void wake_up(const Candidate& candidate, const Clock& clock, const Samples& samples) {
  if (samples.once > slice) return;
  if (candidate.prepare) candidate.prepare();
  time_runs(candidate, 1, clock);
}

void take_sample(const Candidate& candidate, const MeasureOptions& options, const Watch& watch,
                 Samples& samples) {
  const double begin = watch.clock();
  if (samples.block_samples == 0) wake_up(candidate, watch.clock, samples);
  if (candidate.prepare) candidate.prepare();
  const bool watched = watch.usage && !candidate.sample;
  const Usage before = watched ? watch.usage() : Usage{};
  const Sample sample = time_runs(candidate, samples.runs_per_sample, watch.clock);
  double lost = 0;
  if (watched) lost = lost_seconds(before, watch.usage(), sample.seconds, candidate.sleeps);
  samples.once = sample.seconds / samples.runs_per_sample;
  Block& block = samples.blocks.back();
  if (sample.clock < options.least_clock) {
    ++samples.throttled;
  } else if (lost > options.most_lost * sample.seconds) {
    block.preempted.push_back(samples.once);
  } else {
    block.clean.push_back(samples.once);
    samples.block_timed += sample.seconds;
  }
  // The warm-up was slower than this: it may have been preempted.
  const bool too_short = 2 * sample.seconds < options.sample_seconds;
  if (too_short && !candidate.prepare) choose_runs(candidate, options, samples);
  const double wall = watch.clock() - begin;
  samples.wall += wall;
  samples.block_wall += wall;
  ++samples.block_samples;
}

bool block_is_done(const Samples& samples, const MeasureOptions& options) {
  if (!samples.error.empty()) return true;
  if (samples.block_samples == 0) return false;
  if (samples.block_wall >= options.max_seconds / options.min_blocks) return true;
  const int least = (options.min_samples + options.min_blocks - 1) / options.min_blocks;
  return std::ssize(samples.blocks.back().clean) >= least &&
         samples.block_timed >= options.min_seconds / options.min_blocks;
}

bool is_done(const Samples& samples, const MeasureOptions& options) {
  if (!samples.error.empty()) return true;
  const Timing so_far = summarise(samples.blocks, options);
  // A block whose samples were all preempted may not count: then a few more.
  const bool enough_blocks = so_far.blocks >= options.min_blocks;
  if (samples.wall >= (enough_blocks ? 1 : 2) * options.max_seconds) return true;
  return !so_far.disturbed && so_far.samples >= options.min_samples &&
         so_far.noise <= options.noise;  // false for NaN: too few blocks
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

/// One block of all candidates that are not done yet, in turn.
void take_block(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                const Watch& watch, std::vector<Samples>& all) {
  for (Samples& samples : all) {
    if (samples.done) continue;
    samples.blocks.emplace_back();
    samples.block_timed = samples.block_wall = 0;
    samples.block_samples = 0;
  }
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (all[i].done || block_is_done(all[i], options)) continue;
      unless_it_throws(all[i], [&] { take_sample(candidates[i], options, watch, all[i]); });
      more = more || all[i].error.empty();
    }
  }
}

}  // namespace

Clock steady_clock() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  };
}

Watch host_watch() {
  return {
      steady_clock(), process_usage(),
      [](double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); },
      [] { return std::make_shared<const PinnedTeam>(); }};
}

Timing summarise(const std::vector<Block>& blocks, const MeasureOptions& options) {
  std::size_t clean = 0;
  std::size_t preempted = 0;
  for (const Block& block : blocks) {
    clean += block.clean.size();
    preempted += block.preempted.size();
  }
  const bool enough_clean =
      clean >= static_cast<std::size_t>(options.min_samples) || clean >= preempted;
  std::vector<double> samples;
  std::vector<double> medians;
  for (const Block& block : blocks) {
    std::vector<double> counted = block.clean;
    if (!enough_clean) {
      counted.insert(counted.end(), block.preempted.begin(), block.preempted.end());
    }
    if (counted.empty()) continue;
    samples.insert(samples.end(), counted.begin(), counted.end());
    medians.push_back(growth::quantile(std::move(counted), 0.5));
  }
  Timing t;
  t.samples = static_cast<int>(samples.size());
  t.blocks = static_cast<int>(medians.size());
  t.preempted = static_cast<int>(preempted);
  if (samples.empty()) return t;
  t.median = growth::quantile(medians, 0.5);
  t.lower_quartile = growth::quantile(samples, 0.25);
  t.upper_quartile = growth::quantile(samples, 0.75);
  t.min = growth::quantile(std::move(samples), 0);
  t.noise = nan;
  if (t.blocks >= std::max(2, options.min_blocks)) {
    const growth::Interval mean = growth::student_interval(medians);
    if (mean.low && mean.high) {
      t.noise = std::max(least_noise, (*mean.high - *mean.low) / (2 * 1.96 * t.median));
    }
  }
  t.disturbed = !enough_clean || t.noise > most_noise;
  return t;
}

Speedup speedup(const Timing& baseline, const Timing& own) {
  const double ratio = baseline.median / own.median;
  const double error = 1.96 * std::hypot(baseline.noise, own.noise);
  return {ratio, ratio * std::exp(-error), ratio * std::exp(error)};
}

std::vector<Timing> measure(const std::vector<Candidate>& candidates, const MeasureOptions& options,
                            const Watch& watch) {
  const std::shared_ptr<const void> held = watch.hold ? watch.hold() : nullptr;
  std::vector<Samples> all(candidates.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    unless_it_throws(all[i], [&] { warm_up(candidates[i], options, watch.clock, all[i]); });
    all[i].done = !all[i].error.empty();
  }
  const auto is_going_on = [](const Samples& samples) { return !samples.done; };
  while (std::any_of(all.begin(), all.end(), is_going_on)) {
    const bool first = std::all_of(all.begin(), all.end(),
                                   [](const Samples& samples) { return samples.blocks.empty(); });
    if (!first && watch.pause) {
      watch.pause(options.block_gap);
      for (Samples& samples : all) samples.wall += options.block_gap;
    }
    take_block(candidates, options, watch, all);
    for (Samples& samples : all) samples.done = samples.done || is_done(samples, options);
  }
  std::vector<Timing> timings;
  timings.reserve(all.size());
  for (Samples& samples : all) {
    timings.push_back(summarise(samples.blocks, options));
    timings.back().throttled = samples.throttled;
    timings.back().error = std::move(samples.error);
  }
  return timings;
}

std::vector<Timing> measure_again_if_disturbed(const std::vector<Candidate>& candidates,
                                               const MeasureOptions& options, const Watch& watch) {
  std::vector<Timing> timings = measure(candidates, options, watch);
  std::vector<Candidate> disturbed;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < timings.size(); ++i) {
    if (!timings[i].disturbed || !timings[i].error.empty()) continue;
    disturbed.push_back(candidates[i]);
    positions.push_back(i);
  }
  if (disturbed.empty()) return timings;
  if (watch.pause) watch.pause(10 * options.block_gap);
  std::vector<Timing> again = measure(disturbed, options, watch);
  for (std::size_t k = 0; k < again.size(); ++k) {
    Timing& kept = timings[positions[k]];
    const bool better = again[k].samples > 0 && again[k].error.empty() &&
                        (!again[k].disturbed || again[k].median < kept.median);
    if (better) kept = std::move(again[k]);
  }
  return timings;
}

}  // namespace gradepth
