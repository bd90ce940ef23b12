#include "host/growth/study/curve.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "host/text/not_finite.h"

namespace gradepth::growth {

using End = RangeEnd::Kind;

Curve whole_curve(const GrowthSpec& spec, const RangeEnd& end, std::vector<double> ln_norm,
                  std::span<const double> renormalised) {
  Curve curve{end, std::move(ln_norm)};
  const double at_loss = curve.ln_norm[0];
  for (double& v : curve.ln_norm) v -= at_loss;
  const bool known = !renormalised.empty();
  if (end.kind == End::zero && !(known && std::isinf(renormalised[end.depth]))) {
    curve.end.kind = End::below;
  }
  if (curve.end.kind == End::none || curve.end.kind == End::zero) return curve;
  curve.continued = known && spec.clip_value == 0;
  // The last depth that still says something; depth 0 is 0 by definition.
  const std::size_t last = std::max<std::size_t>(end.depth, 1) - 1;
  const double reached = end.depth == 0 ? 0 : curve.ln_norm[last];
  for (std::size_t d = end.depth; d < curve.ln_norm.size(); ++d) {
    curve.ln_norm[d] = curve.continued ? reached + renormalised[d] - renormalised[last] : nan;
  }
  return curve;
}

Verdict verdict_of(const Curve& curve) {
  switch (curve.end.kind) {
    case End::above:
      return Verdict::overflowed;
    case End::below:
      return Verdict::underflowed;
    case End::zero:
      return Verdict::zero;
    case End::none:
      break;
  }
  return judge({curve.ln_norm.back(), std::nullopt, std::nullopt});
}

}  // namespace gradepth::growth
