#pragma once

#include "kernels/cell/step.cuh"
#include "kernels/chain/pointwise.cuh"
#include "kernels/grid.cuh"

/// A cell of gates step by step: what stands between two products with W, with the step's
/// statistics. Elman's is that of an mlp, chain/pointwise.h.
namespace gradepth::inline GRADEPTH_PLATFORM {

// blockIdx = (entry of the batch, part of the units), a thread one unit.
template <class Step>
__global__ void __launch_bounds__(block_threads)
    gated_forward_kernel(Step step, RecurrentForward p, std::int64_t t, const float* product) {
  constexpr int G = Step::gates;
  const std::int64_t b = blockIdx.x;
  const std::int64_t unit = static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x;
  if (unit >= p.H) return;
  float bias[Step::biases];
  load_bias<Step>(p.b, p.H, unit, bias);
  float sums[G];
  for (int g = 0; g < G; ++g) sums[g] = product[(b * G + g) * p.H + unit];
  const std::int64_t row = t * p.B + b;
  forward_element(step, p, row, unit, load_forward<Step>(p, row, unit), bias, sums);
}

template <class Step>
__global__ void __launch_bounds__(block_threads)
    gated_backward_kernel(Step step, RecurrentBackward p, std::int64_t s, const float* through) {
  double sums[step_quantities] = {};
  const std::int64_t n = p.B * p.H;
  const std::int64_t first = blockIdx.x * step_block_size;
  const std::int64_t last = min(first + step_block_size, n);
  for (std::int64_t i = first + threadIdx.x; i < last; i += block_threads) {
    const std::int64_t b = i / p.H;
    const std::int64_t unit = i % p.H;
    float dr[Step::gates];
    double bias[Step::biases] = {};
    backward_element(step, p, s, b, unit, through != nullptr ? through[i] : 0.F,
                     load_backward<Step>(p, s, b, unit), dr, bias, sums);
  }
  if (p.partials != nullptr) write_step(sums, p.partials + s * step_quantities * gridDim.x);
}

// blockIdx = (row, part of the units), a thread one unit.
template <int Gates>
__global__ void __launch_bounds__(block_threads)
    sum_gates_kernel(std::int64_t H, const float* da, float* dx) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t unit = static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x;
  if (unit >= H) return;
  float sum = 0;
  for (int g = 0; g < Gates; ++g) sum += da[(row * Gates + g) * H + unit];
  dx[row * H + unit] = sum;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
