#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/elman.h"
#include "kernels/chain/pointwise.h"
#include "kernels/clip/value.h"
#include "kernels/grid.cuh"
#include "kernels/recurrence/step_statistics.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// Elements of a state that one block takes; the sums' order follows from it.
inline constexpr std::int64_t step_block_size = 4 * block_threads;

// blockIdx = (sample, part of its elements), a thread one element.
template <class Act>
__global__ void __launch_bounds__(block_threads) map_forward_kernel(PointwiseForward p) {
  const auto width = static_cast<unsigned>(p.units * p.pixels);
  const unsigned within = blockIdx.y * block_threads + threadIdx.x;
  if (within >= width) return;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * width + within;
  const float x = p.x != nullptr ? p.x[i] : 0.F;
  const float a = p.a[i] + x + p.b[within / static_cast<unsigned>(p.pixels)];
  const float f = p.scale * Act::value(a);
  p.a[i] = a;
  p.h[i] = p.skip != nullptr ? p.skip[i] + f : f;
}

/// One element's da from dh' at i.
template <class Act>
__device__ float pointwise_backward_element(const PointwiseBackward& p, std::int64_t i, float dh) {
  constexpr bool of_output = has_slope_from_output<Act>;
  const float kept = !of_output ? p.a[i] : p.y != nullptr ? p.y[i] : Act::value(p.a[i]);
  return p.scale * (dh * slope_of_kept<Act, of_output>(kept));
}

template <class Act>
__global__ void __launch_bounds__(block_threads) map_backward_kernel(PointwiseBackward p) {
  double sums[step_quantities] = {};
  const std::int64_t first = blockIdx.x * step_block_size;
  const std::int64_t last = min(first + step_block_size, p.n);
  for (std::int64_t i = first + threadIdx.x; i < last; i += block_threads) {
    const float through = p.through != nullptr ? p.through[i] : 0.F;
    const float past = p.past != nullptr ? p.past[i] : 0.F;
    const float dh = through + past;
    const float dh_clipped = p.clip_value > 0 ? clipped(dh, p.clip_value) : dh;
    if (p.dh != nullptr) p.dh[i] = dh;
    if (p.passed != nullptr) p.passed[i] = dh_clipped;
    float da = 0;
    if (p.da != nullptr) p.da[i] = da = pointwise_backward_element<Act>(p, i, dh_clipped);
    if (p.partials != nullptr) measure<1>(sums, dh, 0, &da);
  }
  if (p.partials != nullptr) write_step(sums, p.partials);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
