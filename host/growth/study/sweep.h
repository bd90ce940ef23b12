#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/growth/study/measure.h"
#include "host/growth/study/spec.h"
#include "host/providers/provider.h"

/// A growth study over a grid of settings.
namespace gradepth::growth {

/// One knob of a net and the values that it takes.
struct SweepAxis {
  std::string key;
  std::vector<double> values;
};

/// `gain=0.5:4:0.1,depth=10:100:10`: KEY=FROM:TO:STEP, both ends included. The keys are the knobs'
/// (growth_knobs().sweep_keys()): gain is W's scale; bias, input and h0 are deviations of Gaussian
/// draws. std::invalid_argument, in one line that names what is allowed.
[[nodiscard]] std::vector<SweepAxis> parse_sweep(std::string_view text);

/// The keys of an identity that these axes set (identity.h).
[[nodiscard]] std::vector<std::string> settings_of(const std::vector<SweepAxis>& axes);

/// One point of the grid.
struct SweepCell {
  std::vector<std::pair<std::string, double>> at;  // key and value, one for each axis
  GrowthSpec spec;
};

/// All points of the grid, the last axis fastest; everything else as in `spec`.
/// std::invalid_argument when a knob does not fit the net or its initialisation.
[[nodiscard]] std::vector<SweepCell> sweep_cells(const GrowthSpec& spec,
                                                 const std::vector<SweepAxis>& axes);

/// Measures the cells on all cores, each cell on one where the provider can. Each seed's weights
/// are drawn once and multiplied by every gain. `report(i, result)` is called once for each cell,
/// in the cells' order, as soon as it and all before it are done; what it throws ends the sweep. A
/// cell that the net's own limits refuse (no fixed point to start from) is a result with status
/// unsupported. The results do not depend on the number of threads.
void run_sweep(const std::vector<SweepCell>& cells, Provider& provider,
               const std::function<void(std::size_t, const GrowthResult&)>& report);

/// Multiply-adds of one pass of a cell, in proportion: what progress is measured in.
[[nodiscard]] double work(const GrowthSpec& spec);

}  // namespace gradepth::growth
