#pragma once

#include <string_view>
#include <vector>

#include "host/growth/spec.h"
#include "host/initialise.h"
#include "host/problem.h"

namespace gradepth {

/// A problem and the draw of its tensors.
struct Workload {
  Problem problem;
  Initialisation init;
};

/// The lists of workloads: `small` covers every kind, cell, net and activation at awkward sizes and
/// is what checks and tests run; `quick` and `full` are timed. std::invalid_argument for an unknown
/// name.
std::vector<Workload> workloads(std::string_view preset);

/// The nets whose gradient growth the suite measures, by preset (brief, quick or full).
/// std::invalid_argument for an unknown name.
std::vector<growth::GrowthSpec> growth_studies(std::string_view preset);

}  // namespace gradepth
