#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/growth/study/spec.h"

/// --sweep: a grid over knobs, as text and as specs.
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

}  // namespace gradepth::growth
