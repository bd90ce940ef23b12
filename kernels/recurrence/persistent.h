#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "kernels/cell/step.h"
#include "kernels/platform.h"
#include "kernels/recurrence/layout.h"

/// A recurrent layer through all its steps in one launch, forward or backward, with W on chip: the
/// variants `small` and `persistent` of a RecurrenceLayout. Each slice of the batch reads W from
/// global memory once.
///
/// In each step a block multiplies its rows of W by the exchanged vector (forward h_t, backward the
/// gradients at the products of step t), then applies the cell to its own units: activation, clip,
/// statistics and the sums for db on the way. `persistent` has T - 1 barriers between blocks
/// forward and T backward, `small` none.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Numbers of type unsigned that a layout's barriers need; 0 without barriers. Workspace: every
/// launch clears them first.
std::int64_t barrier_counters(const RecurrenceLayout& layout);

/// Parts of RecurrentBackward::bias_partials.
std::int64_t bias_parts(const RecurrenceLayout& layout);

/// One such launch, planned: the device has been asked whether it can.
///   counters [barrier_counters(layout)]
template <class Arguments>
using RecurrenceLaunch =
    std::function<void(const Arguments& p, unsigned* counters, const StreamRef& stream)>;

/// Forward. `layout` is one of forward_product(gates, B, H), not step by step.
template <class Cell>
RecurrenceLaunch<RecurrentForward> plan_forward(const Cell& cell, const RecurrenceLayout& layout);

/// Backward through time. `layout` is one of backward_product(gates, B, H), not step by step;
/// `partials` have layout.blocks() blocks, `bias_partials` bias_parts(layout) parts.
template <class Cell>
RecurrenceLaunch<RecurrentBackward> plan_backward(const Cell& cell, const RecurrenceLayout& layout);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
