#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/cell/step.h"
#include "kernels/platform.h"

/// The gated cells (lstm, gru) step by step: what stands between two products with W, with the
/// step's statistics. For elman, see recurrence.h.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// State t + 1 from state t. `p.W` is not read; `p.b` is the bias of this step.
///   product [B, G H]: W h_t
void gated_forward(std::string_view cell, const RecurrentForward& p, std::int64_t t,
                   const float* product, const StreamRef& stream);

/// State s: measures and clips its gradient and takes it through the cell of step s - 1 (all but
/// state 0). `p.W` is not read, `p.bias_partials` not written; `p.partials` have
/// step_blocks(B H) blocks.
///   through [B, H]: Wᵀ times the gradients at the products of step s; null at s = T
void gated_backward(std::string_view cell, const RecurrentBackward& p, std::int64_t s,
                    const float* through, const StreamRef& stream);

/// dx = Σ_g da_g, where x was added to every gate as it is.
///   da [rows, G, H], dx [rows, H]
void sum_gates(std::int64_t rows, int gates, std::int64_t H, const float* da, float* dx,
               const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
