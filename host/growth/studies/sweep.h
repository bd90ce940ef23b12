#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "host/growth/knobs/sweep_axes.h"
#include "host/growth/study/measure.h"
#include "host/providers/provider.h"

/// A growth study over a grid of settings.
namespace gradepth::growth {

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
