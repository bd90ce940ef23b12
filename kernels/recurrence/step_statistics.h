#pragma once

#include <cstdint>

#include "kernels/platform.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// What is summed over one step's elements, in float64 and before the clip.
enum StepQuantity : int { step_dh2, step_da2, step_nonfinite };
inline constexpr int step_quantities = 3;

/// Columns of a step's partial sums: the size of the state alone decides.
std::int64_t step_blocks(std::int64_t n);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
