#include "kernels/recurrence/cell_kernels.h"

#include "kernels/cell/cells.h"
#include "kernels/recurrence/persistent.h"
#include "kernels/recurrence/slice_barrier.cuh"
#include "kernels/recurrence/stepwise.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

template <class Cell>
CellKernels kernels_of() {
  using Step = CellStep<Cell>;
  CellKernels kernels{};
  kernels.plan_forward = [](OutputActivation act, const RecurrenceLayout& layout) {
    return plan_forward(make_cell<Cell>(OnChip{act}), layout);
  };
  kernels.plan_backward = [](OutputActivation act, const RecurrenceLayout& layout) {
    return plan_backward(make_cell<Cell>(OnChip{act}), layout);
  };
  if constexpr (!Cell::info.takes_activation) {
    kernels.forward_step = [](const RecurrentForward& p, std::int64_t t, const float* product,
                              const StreamRef& stream) {
      const dim3 grid(as_blocks(p.B), as_blocks(divide_up(p.H, block_threads)));
      launch(gated_forward_kernel<Step>, grid, dim3(block_threads), 0, stream, Step{}, p, t,
             product);
    };
    kernels.backward_step = [](const RecurrentBackward& p, std::int64_t s, const float* through,
                               const StreamRef& stream) {
      launch(gated_backward_kernel<Step>, dim3(as_blocks(step_blocks(p.B * p.H))),
             dim3(block_threads), 0, stream, Step{}, p, s, through);
    };
  }
  kernels.sum_gates = [](std::int64_t rows, std::int64_t H, const float* da, float* dx,
                         const StreamRef& stream) {
    const dim3 grid(as_blocks(rows), as_blocks(divide_up(H, block_threads)));
    launch(sum_gates_kernel<Step::gates>, grid, dim3(block_threads), 0, stream, H, da, dx);
  };
  return kernels;
}

}  // namespace

CellKernels cell_kernels(RecurrentCell cell) {
  CellKernels kernels{};
  with_cell(cell, OnChip{}, [&]<class Cell>(const Cell&) { kernels = kernels_of<Cell>(); });
  return kernels;
}

std::optional<OutputActivation> output_activation(Activation act) {
  std::optional<OutputActivation> found;
  std::uint8_t place = 0;
  for_each_activation(
      [&](auto one) {
        if (act == one.name) found = OutputActivation{place};
        ++place;
      },
      OnChipActivations{});
  return found;
}

std::int64_t barrier_counters(const RecurrenceLayout& layout) {
  if (layout.variant != RecurrenceVariant::persistent) return 0;
  return std::int64_t{layout.batch_slices} * barrier_counter_stride;
}

std::int64_t bias_parts(const RecurrenceLayout& layout) {
  if (layout.rows == 0) return 0;
  return std::int64_t{layout.batch_slices} * (layout.threads / layout.rows);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
