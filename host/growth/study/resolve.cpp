#include "host/growth/study/resolve.h"

#include <cmath>
#include <optional>

#include "host/growth/knobs/fits.h"

namespace gradepth::growth {

Problem make_problem(const GrowthSpec& spec) {
  refuse_misfits(spec);
  const SlopeFrom slope = spec.dtype == Dtype::f64 ? SlopeFrom::input : spec.slope;
  Problem problem;
  if (const LayerNet* const layers = spec.net.layers()) {
    problem = FeedForwardProblem{.net = *layers,
                                 .act = spec.activation,
                                 .L = spec.depth,
                                 .B = spec.batch,
                                 .N = spec.width,
                                 .residual = spec.residual,
                                 .residual_scale = spec.residual_scale,
                                 .share = is_shared(spec),
                                 .record = true,
                                 .clip_value = spec.clip_value,
                                 .slope = slope,
                                 .dtype = spec.dtype};
  } else {
    RecurrentProblem p{.cell = *spec.net.cell(),
                       .act = spec.activation,
                       .T = spec.depth,
                       .B = spec.batch,
                       .H = spec.width,
                       .project_input = false,
                       .share = is_shared(spec),
                       .record = true,
                       .clip_value = spec.clip_value,
                       .form = spec.form,
                       .slope = slope,
                       .dtype = spec.dtype};
    if (is_additive(spec)) p.act = "identity";
    if (spec.init.weights && spec.init.weights->has_inputs()) {
      p.project_input = true;
      p.I = spec.init.weights->x.shape.at(2);
    }
    problem = p;
  }
  validate(problem);
  return problem;
}

WeightInit resolve_weights(const GrowthSpec& spec) {
  if (spec.init.W.kind != WeightInit::Kind::saxe) return spec.init.W;
  return {WeightInit::Kind::orthogonal, critical_gain(spec), {}};
}

std::optional<double> sigma_w2(const GrowthSpec& spec) {
  using Kind = WeightInit::Kind;
  const WeightInit W = resolve_weights(spec);
  switch (W.kind) {
    case Kind::gaussian:
    case Kind::orthogonal:
    case Kind::saxe:
      return W.scale * W.scale;
    case Kind::xavier:
      return 1.0;
    case Kind::he:
      return 2.0;
    case Kind::identity:
    case Kind::constant:
    case Kind::np:
    case Kind::file:
      return std::nullopt;
  }
  return std::nullopt;
}

Initialisation resolve(const GrowthSpec& spec) {
  Initialisation init = spec.init;
  init.W = resolve_weights(spec);
  if (!spec.h0_fixed_point) return init;
  init.h0 = {ValueInit::Kind::radius,
             std::sqrt(fixed_point_h0(spec, sigma_w2(spec)) * state_size(spec))};
  return init;
}

}  // namespace gradepth::growth
