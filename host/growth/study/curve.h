#pragma once

#include <vector>

#include "host/growth/states/gradient_path.h"
#include "host/growth/study/range.h"
#include "host/growth/study/spec.h"
#include "host/growth/study/statistics.h"

namespace gradepth::growth {

/// A seed's gradient over all depths: how it ended, and what is known behind that.
struct Curve {
  RangeEnd end;                 // `zero` only where it is 0 on paper
  std::vector<double> ln_norm;  // relative, by depth; -infinity where it is 0, NaN where unknown
  /// The two parts of it, by depth: what the slopes of all maps so far have done, and the weights.
  /// They add up to ln_norm; NaN from where one of the three is not finite.
  std::vector<double> slopes{};
  std::vector<double> weights{};
  bool continued = false;  // behind the end, by the renormalised pass
};

/// From the path that was measured and where it ends; `renormalised` (renormalised.h) is empty
/// where there is none.
Curve whole_curve(const GrowthSpec& spec, const RangeEnd& end, const GradientPath& path,
                  const GradientPath& renormalised);

/// Of the seed by itself.
Verdict verdict_of(const Curve& curve);

}  // namespace gradepth::growth
