#include "host/growth/study/curve.h"

#include <algorithm>
#include <cmath>

#include "host/text/not_finite.h"

namespace gradepth::growth {

using End = RangeEnd::Kind;

namespace {

/// The parts of the growth from depth to depth, added up: of each map from the path that knows it.
void add_parts(const GradientPath& path, const GradientPath& behind, std::size_t end,
               Curve& curve) {
  const std::size_t L = curve.ln_norm.size() - 1;
  curve.slopes.assign(L + 1, nan);
  curve.weights.assign(L + 1, nan);
  curve.slopes[0] = curve.weights[0] = 0;
  for (std::size_t d = 1; d <= L; ++d) {
    const GradientPath& p = d < end ? path : behind;
    if (p.between.empty() || !std::isfinite(curve.ln_norm[d])) return;
    const double slopes = p.between[d - 1] - p.states[d - 1];
    const double weights = p.states[d] - p.between[d - 1];
    if (!std::isfinite(slopes) || !std::isfinite(weights)) return;
    curve.slopes[d] = curve.slopes[d - 1] + slopes;
    curve.weights[d] = curve.weights[d - 1] + weights;
  }
}

}  // namespace

Curve whole_curve(const GrowthSpec& spec, const RangeEnd& end, const GradientPath& path,
                  const GradientPath& renormalised) {
  Curve curve{end, path.states};
  const std::size_t L = curve.ln_norm.size() - 1;
  for (double& v : curve.ln_norm) v -= path.states[0];
  const bool known = !renormalised.states.empty();
  if (end.kind == End::zero && !(known && std::isinf(renormalised.states[end.depth]))) {
    curve.end.kind = End::below;
  }
  if (curve.end.kind == End::none || curve.end.kind == End::zero) {
    add_parts(path, path, L + 1, curve);
    return curve;
  }
  curve.continued = known && spec.clip_value == 0;
  // The last depth that still says something; depth 0 is 0 by definition.
  const std::size_t last = std::max<std::size_t>(end.depth, 1) - 1;
  const double reached = end.depth == 0 ? 0 : curve.ln_norm[last];
  for (std::size_t d = end.depth; d <= L; ++d) {
    curve.ln_norm[d] =
        curve.continued ? reached + renormalised.states[d] - renormalised.states[last] : nan;
  }
  add_parts(path, renormalised, end.depth, curve);
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
