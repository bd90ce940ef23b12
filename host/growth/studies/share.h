#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "host/growth/study/measure.h"

/// One W for all steps against a fresh W for each step, dense against sparse W, all else equal.
namespace gradepth::growth {

/// One of the four chains.
struct ShareChain {
  GrowthSpec spec;
  GrowthResult result;
  double mean = 0;         // over seeds, of the total: the fitted rate times L
  double spread = 0;       // standard deviation of the total over seeds
  std::int64_t seeds = 0;  // whose rate could be fitted
};

/// One chain beside another.
struct ShareContrast {
  std::string first;
  std::string second;
  Interval mean_difference;  // of the totals, first - second
  Interval spread_ratio;     // first / second
};

struct ShareStudy {
  std::array<ShareChain, 4> chains;  // shared dense, fresh dense, shared sparse, fresh sparse
  std::array<ShareContrast, 4> contrasts;
};

/// Measures the four chains of `spec` (elman, lstm or gru), with W dense and of density `density`.
/// Intervals of the contrasts are by Student's t over seeds (statistics.h).
/// std::invalid_argument for another net, density not in (0, 1) or fewer than 3 seeds. `progress`
/// gets a chain's name before it is measured.
ShareStudy measure_share(const GrowthSpec& spec, double density, Provider& provider,
                         const std::function<void(const std::string&)>& progress);

}  // namespace gradepth::growth
