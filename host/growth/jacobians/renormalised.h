#pragma once

#include <optional>
#include <vector>

#include "host/growth/jacobians/jacobians.h"
#include "host/growth/states/gradient_path.h"
#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

namespace gradepth::growth {

/// ln |dL/d state L - d|, d = 0 … L, and between them, by a backward pass in float64 that is
/// rescaled at every step by a power of two: it follows the gradient far beyond the range of any
/// format. The norm is that of the ordinary backward pass: over the batch, of the pair (h, c) for
/// an lstm, of df alone for an additive net. No clipping. -infinity where it is 0 on paper; nothing
/// where a state is not finite or a slope less than the least float64.
///
/// `first` are the Jacobians of sample 0; those of further samples are made here, one at a time.
[[nodiscard]] std::optional<GradientPath> renormalised_path(const GrowthSpec& spec,
                                                            const Tensors& drawn,
                                                            const Jacobians& first);

/// The same by itself; empty where it is not known.
[[nodiscard]] GradientPath renormalised_path(const GrowthSpec& spec, const Tensors& drawn);

}  // namespace gradepth::growth
