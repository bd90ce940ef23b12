#pragma once

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

namespace gradepth::growth {

/// What a chain of one W goes on with in the end. Where f(c x) = c f(x), without bias and input,
/// the state turns into a direction of its own; once its units no longer change sides, every map is
/// D W, D = diag f', and the gradient grows by the spectral radius of that. Of the identity D is 1.
/// A state that goes round and round never settles.
struct ActivePart {
  double ln_radius;  // ln of the spectral radius of D W at the last map
  bool settled;      // whether D was the same over the last third of the maps
};

/// Of sample 0, in float64. ln_radius is NaN for other nets, and above facts_width.
[[nodiscard]] ActivePart active_part(const GrowthSpec& spec, const Tensors& drawn);

}  // namespace gradepth::growth
