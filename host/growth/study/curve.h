#pragma once

#include <span>
#include <vector>

#include "host/growth/study/range.h"
#include "host/growth/study/spec.h"
#include "host/growth/study/statistics.h"

namespace gradepth::growth {

/// A seed's gradient over all depths: how it ended, and what is known behind that.
struct Curve {
  RangeEnd end;                 // `zero` only where it is 0 on paper
  std::vector<double> ln_norm;  // relative, by depth; -infinity where it is 0, NaN where unknown
  bool continued = false;       // behind the end, by the renormalised pass
};

/// From ln norms (absolute, by depth) and where they end; `renormalised` (renormalised.h) is empty
/// where there is none.
Curve whole_curve(const GrowthSpec& spec, const RangeEnd& end, std::vector<double> ln_norm,
                  std::span<const double> renormalised);

/// Of the seed by itself.
Verdict verdict_of(const Curve& curve);

}  // namespace gradepth::growth
