#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/growth/jacobians/lyapunov.h"
#include "host/growth/states/gradient_path.h"
#include "host/growth/study/spec.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/transient.h"
#include "host/problem/tensor.h"

/// What the Jacobians of a net say beside the gradient that a provider ran, in float64: on the
/// numbers as drawn (and rounded to the dtype), along sample 0 of the batch.
namespace gradepth::growth {

/// Of one seed; empty where it was not asked for.
struct SeedJacobians {
  std::vector<double> lyapunov;
  std::vector<double> ln_singular_values;
  GradientPath renormalised;  // over the whole batch; empty where unknown
  std::optional<Transient> transient;
  double spectral_radius = 0;  // beside `transient`; NaN above spectral_radius_width
};

/// spec.lyapunov, spec.singular_values, spec.renormalised and spec.transient say what to find; the
/// transient growth of a shared W is found unasked where it is cheap.
[[nodiscard]] SeedJacobians measure_jacobians(const GrowthSpec& spec, const Tensors& drawn,
                                              std::uint64_t seed);

struct Renormalised {
  std::vector<double> median;  // by depth, relative to depth 0; not finite where it is null
  Interval rate;
  Interval total;
};

/// Over seeds. A mean is NaN where some seed has no value or -infinity.
struct JacobianGrowth {
  std::vector<Interval> lyapunov;  // means, descending
  std::optional<LyapunovTheory> lyapunov_theory;
  std::vector<double> singular_values;  // mean ln σ_i / L; empty where only the largest is known
  std::optional<double> ln_largest;     // mean ln σ_1
  std::optional<Renormalised> renormalised;
  std::optional<Transient> transient;     // of the seed with the (lower) median of ln_max
  std::optional<double> spectral_radius;  // median
};
[[nodiscard]] JacobianGrowth over_seeds(const GrowthSpec& spec,
                                        std::span<const SeedJacobians> seeds);
/// None where a seed's path is empty.
[[nodiscard]] std::optional<Renormalised> renormalised_over_seeds(
    std::span<const GradientPath> seeds);

}  // namespace gradepth::growth
