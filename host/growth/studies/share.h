#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/growth/study/measure.h"

/// One W for all maps against a fresh W for each, dense against sparse W, all else equal.
namespace gradepth::growth {

/// Each draw's growth beside L ln ρ, ρ the spectral radius of what it goes on with in the end.
struct RadiusLaw {
  std::vector<double> ln_radius;  // by seed; NaN where it is not known
  std::vector<bool> settled;      // by seed: whether the net has come to that (spectrum.h)
  // Over the settled ones whose growth is finite, if there are ten at least:
  std::optional<Line> line;        // of the growth on L ln ρ
  std::optional<Interval> offset;  // mean of growth - L ln ρ
};

/// One of the four chains.
struct ShareChain {
  GrowthSpec spec;
  GrowthResult result;
  double mean = 0;               // over seeds, of the total: the fitted rate times L
  double spread = 0;             // standard deviation of the total over seeds
  std::int64_t seeds = 0;        // whose rate could be fitted
  std::optional<RadiusLaw> law;  // of one W, where ρ can be found
};

/// One chain beside another.
struct ShareContrast {
  std::string first;
  std::string second;
  Interval mean_difference;  // of the totals, first - second
  Interval spread_ratio;     // first / second
};

/// The law of a net of one W, from its spec and what was measured; nothing for other nets. What was
/// drawn is drawn again: a result has kept no weights.
std::optional<RadiusLaw> radius_law(const GrowthSpec& spec, const GrowthResult& result);

struct ShareStudy {
  std::array<ShareChain, 4> chains;  // shared dense, fresh dense, shared sparse, fresh sparse
  std::array<ShareContrast, 4> contrasts;
};

/// Measures the four chains of `spec` (any net but an additive one), with W dense and of density
/// `density`. Intervals of the contrasts are by Student's t over seeds (statistics.h).
/// std::invalid_argument for another net, density not in (0, 1) or fewer than 3 seeds. `progress`
/// gets a chain's name before it is measured.
ShareStudy measure_share(const GrowthSpec& spec, double density, Provider& provider,
                         const std::function<void(const std::string&)>& progress);

}  // namespace gradepth::growth
