#pragma once

#include <string_view>
#include <vector>

#include "host/draw/initialise.h"
#include "host/growth/study/spec.h"
#include "host/problem/problem.h"

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

/// The suite's grid of gains: the net and the axes of its sweep, by preset.
struct GainGrid {
  growth::GrowthSpec spec;
  const char* axes;
};
GainGrid gain_grid(std::string_view preset);

/// The chains of which the suite compares one W for all maps with fresh ones, by preset: a
/// recurrent net of ReLU, a linear one, and a convolution; and the density of their sparse form.
struct SharedChain {
  growth::GrowthSpec spec;
  double density;
};
std::vector<SharedChain> shared_chains(std::string_view preset);

}  // namespace gradepth
