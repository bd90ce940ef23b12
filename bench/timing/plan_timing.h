#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/timing/measure.h"
#include "host/providers/provider.h"

namespace gradepth {

/// A plan, set and run before, and how it is timed.
struct TimedPlan {
  std::string name;  // of the row: Nsight shows it
  Plan* plan = nullptr;
  DeviceTimer* timer = nullptr;  // nullptr: by the host's clock
};

/// The parts of a training step, in seconds.
struct PartTimings {
  Timing forward, backward_data, backward_weights;
};

/// What was measured of one plan. `step` is the figure to compare with: of a device, its own time
/// with hot caches and without launch latency where the queue can take the launches of a step; of
/// the host, wall time.
struct PlanTiming {
  Timing step;
  std::optional<Timing> cold;  // device: each step with a flushed L2 cache
  std::optional<Timing> wall;  // device: by the host's clock, from the call to the end of the wait
  std::optional<PartTimings> parts;  // of a training step, where the plan can tell them apart
};

/// Times plans of one problem in turn (measure.h): first the steps, again if they were disturbed,
/// then, with a quarter of the effort each, what else there is. What fails has `error` set in its
/// Timing.
std::vector<PlanTiming> time_plans(const Problem& problem, const std::vector<TimedPlan>& plans,
                                   const MeasureOptions& options,
                                   const Watch& watch = host_watch());

}  // namespace gradepth
