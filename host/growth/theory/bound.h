#pragma once

#include <optional>
#include <span>
#include <string>

#include "host/growth/study/spec.h"
#include "host/growth/theory/theory.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {

/// What the largest singular value of a shared W allows (Pascanu et al. 2013, 1211.5063): one step
/// back changes the gradient's norm at most by the factor σ_max γ, γ = max |f'|. Below 1 the
/// gradient must vanish; above, it may explode.
struct Bound {
  double sigma_max;  // median over seeds
  double gamma;
  std::string says;
};

/// Of an elman net with one W; none for other nets, and above drawn_facts' width limit.
std::optional<Bound> find_bound(const GrowthSpec& spec, std::span<const DrawnFacts> seeds);

/// The largest |f'(x)|, or its limit.
double max_slope(Activation activation);

}  // namespace gradepth::growth
