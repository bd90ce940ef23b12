#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

namespace gradepth::growth {

/// Growth of |W^t|, the spectral norm, over t = 1 … L: a W that is not normal may grow first even
/// if its spectral radius is below 1 (Trefethen & Embree 2005).
struct Transient {
  double ln_max;
  std::size_t step;  // the first t that reaches it, but for rounding
  double ln_last;    // of |W^L|
};

/// For W [n, n], row-major; powers are kept with an exponent of their own, so none leaves float64's
/// range. About 4 n³ operations per step. Throws std::invalid_argument if W does not hold n²
/// elements.
[[nodiscard]] Transient transient_growth(std::span<const double> W, std::size_t n,
                                         std::size_t steps);

/// Whether all maps have one square W: an elman net with share, or an mlp whose layers are all
/// given the same matrix.
[[nodiscard]] bool has_shared_matrix(const GrowthSpec& spec);
/// That W, if there is one.
[[nodiscard]] std::optional<std::span<const double>> shared_matrix(const GrowthSpec& spec,
                                                                   const Tensors& drawn);

/// Whether transient_growth and the spectral radius take no time to speak of: n³ (L + 10) ≤ 3e7.
[[nodiscard]] bool transient_is_cheap(const GrowthSpec& spec);

}  // namespace gradepth::growth
