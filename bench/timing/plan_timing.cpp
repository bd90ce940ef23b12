#include "bench/timing/plan_timing.h"

#include <algorithm>
#include <utility>

#include "host/device/profile_range.h"

namespace gradepth {
namespace {

/// How a device's time is taken.
enum class Caches : std::uint8_t { hot, cold };

/// The queue of a device takes about a thousand launches, and a map of a chain makes some of them.
bool may_hold(const Problem& problem) { return depth(problem) <= 100; }

/// Many runs of a short kernel make a sample that is long beside the resolution of events.
constexpr int most_device_runs = 100;
constexpr double device_sample_seconds = 1e-3;

/// `run` queues the work of `timed.plan`. With `wall`, time is the host's even on a device.
Candidate candidate(const Problem& problem, const TimedPlan& timed, std::function<void()> run,
                    Caches caches, bool wall = false) {
  Candidate c;
  Plan* const plan = timed.plan;
  if (kind(problem) == "clip") c.prepare = [plan] { plan->restore(); };
  if (timed.timer == nullptr || wall) {
    c.run = [plan, run = std::move(run)] {
      run();
      plan->wait();
    };
    c.sleeps = timed.timer != nullptr;
    return c;
  }
  const bool in_place = static_cast<bool>(c.prepare);
  c.most_runs = caches == Caches::hot && !in_place && may_hold(problem) ? most_device_runs : 1;
  c.sample = [timer = timed.timer, name = timed.name, run = std::move(run), caches,
              hold = may_hold(problem)](int runs) -> Sample {
    const ProfileRange range(name);
    const DeviceTime time =
        caches == Caches::hot ? timer->hot(run, runs, hold) : timer->cold(run, hold);
    return {time.seconds, time.clock};
  };
  return c;
}

MeasureOptions quarter(MeasureOptions options) {
  options.min_seconds /= 4;
  options.max_seconds /= 4;
  options.block_gap /= 4;
  return options;
}

/// The positions of the plans for which `wanted` holds.
template <class Wanted>
std::vector<std::size_t> select(const std::vector<TimedPlan>& plans, Wanted&& wanted) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (wanted(plans[i])) positions.push_back(i);
  }
  return positions;
}

}  // namespace

std::vector<PlanTiming> time_plans(const Problem& problem, const std::vector<TimedPlan>& plans,
                                   const MeasureOptions& options, const Watch& watch) {
  std::vector<PlanTiming> timings(plans.size());
  /// Times `run` of the plans at `positions` side by side and hands each Timing to `keep`.
  const auto round = [&](const std::vector<std::size_t>& positions, void (Plan::*run)(),
                         Caches caches, bool wall, MeasureOptions effort, auto&& keep) {
    std::vector<Candidate> candidates;
    for (const std::size_t i : positions) {
      Plan* const plan = plans[i].plan;
      candidates.push_back(candidate(
          problem, plans[i], [plan, run] { (plan->*run)(); }, caches, wall));
      if (candidates.back().sample) effort.sample_seconds = device_sample_seconds;
    }
    const auto timed = run == &Plan::run ? measure_again_if_disturbed : measure;
    std::vector<Timing> measured = timed(candidates, effort, watch);
    for (std::size_t k = 0; k < positions.size(); ++k) {
      keep(timings[positions[k]], std::move(measured[k]));
    }
  };

  const auto all = select(plans, [](const TimedPlan&) { return true; });
  round(all, &Plan::run, Caches::hot, false, options,
        [](PlanTiming& t, Timing timing) { t.step = std::move(timing); });
  const auto on_device = select(plans, [](const TimedPlan& p) { return p.timer != nullptr; });
  const MeasureOptions less = quarter(options);
  round(on_device, &Plan::run, Caches::cold, false, less,
        [](PlanTiming& t, Timing timing) { t.cold = std::move(timing); });
  round(on_device, &Plan::run, Caches::hot, true, less,
        [](PlanTiming& t, Timing timing) { t.wall = std::move(timing); });
  if (!is_training(problem)) return timings;

  const auto with_parts = select(plans, [](const TimedPlan& p) { return p.plan->has_parts(); });
  for (const std::size_t i : with_parts) timings[i].parts.emplace();
  const auto part = [&](void (Plan::*run)(), Timing PartTimings::*member) {
    round(with_parts, run, Caches::hot, false, less,
          [member](PlanTiming& t, Timing timing) { (*t.parts).*member = std::move(timing); });
  };
  part(&Plan::run_forward, &PartTimings::forward);
  part(&Plan::run_backward_data, &PartTimings::backward_data);
  part(&Plan::run_backward_weights, &PartTimings::backward_weights);
  return timings;
}

}  // namespace gradepth
