#pragma once

#include <optional>

#include "host/growth/study/spec.h"

/// What does not fit together although each knob by itself is in range. All of these throw
/// std::invalid_argument, in one line that names the flag, its value and what is allowed.
namespace gradepth::growth {

/// A knob that the net does not have, or that numbers from a file leave no room for.
void refuse_misfits(const GrowthSpec& spec);

/// Another net, or another width, than the layer of --weights has.
void refuse_other_layer(const GrowthSpec& spec, const RecurrentWeights& weights);

/// What `share` cannot contrast: a net without a W to share, a density that is none of a sparse W,
/// fewer than three draws.
void refuse_share_misfits(const GrowthSpec& spec, double density);

/// The gain of `--init saxe`, at which the map f(W h + b) has chi = 1.
[[nodiscard]] double critical_gain(const GrowthSpec& spec);

/// The mean square of h0's elements for `--h0 fixed-point`: what the first layer turns into the
/// largest stable fixed point of its mean-field variance. `sigma_w2`: of resolve.h.
[[nodiscard]] double fixed_point_h0(const GrowthSpec& spec, std::optional<double> sigma_w2);

}  // namespace gradepth::growth
