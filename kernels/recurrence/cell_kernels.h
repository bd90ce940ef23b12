#pragma once

#include <cstdint>

#include "kernels/cell/cells.h"
#include "kernels/cell/step.h"
#include "kernels/platform.h"
#include "kernels/recurrence/layout.h"
#include "kernels/recurrence/persistent.h"

/// The kernels of one cell, looked up once, when a plan is made.
namespace gradepth::inline GRADEPTH_PLATFORM {

struct CellKernels {
  /// All steps in one launch: persistent.h. `act` is that of a cell which takes one.
  RecurrenceLaunch<RecurrentForward> (*plan_forward)(OutputActivation act,
                                                     const RecurrenceLayout& layout);
  RecurrenceLaunch<RecurrentBackward> (*plan_backward)(OutputActivation act,
                                                       const RecurrenceLayout& layout);

  /// One step, what stands between two products with W: state t + 1 from state t. `p.W` is not
  /// read; `p.b` is the bias of this step. Null for a cell that takes an activation, whose step is
  /// that of an mlp: chain/pointwise.h.
  ///   product [B, G H]: W h_t
  void (*forward_step)(const RecurrentForward& p, std::int64_t t, const float* product,
                       const StreamRef& stream);
  /// State s: measures and clips its gradient and takes it through the cell of step s - 1 (all but
  /// state 0). `p.W` is not read, `p.bias_partials` not written; `p.partials` have
  /// step_blocks(B H) blocks.
  ///   through [B, H]: Wᵀ times the gradients at the products of step s; null at s = T
  void (*backward_step)(const RecurrentBackward& p, std::int64_t s, const float* through,
                        const StreamRef& stream);

  /// dx = Σ_g da_g, where x was added to every gate as it is.
  ///   da [rows, G, H], dx [rows, H]
  void (*sum_gates)(std::int64_t rows, std::int64_t H, const float* da, float* dx,
                    const StreamRef& stream);
};

/// std::invalid_argument for an unknown cell.
CellKernels cell_kernels(RecurrentCell cell);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
