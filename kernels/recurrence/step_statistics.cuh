#pragma once

#include <cmath>

#include "kernels/block_sum.cuh"
#include "kernels/grid.cuh"
#include "kernels/recurrence/step_statistics.h"

/// Statistics of one step's gradients, in float64: the square of an exploding fp32 gradient would
/// overflow fp32.
namespace gradepth::inline GRADEPTH_PLATFORM {

__device__ inline double squared(float x) {
  return static_cast<double>(x) * static_cast<double>(x);
}

/// Adds one element's gradients to the sums of its step: of the state, (h, c) together, before the
/// clip, and of the G pre-activations.
template <int G>
__device__ void measure(double (&sums)[step_quantities], float dh, float dc, const float* da) {
  bool finite = isfinite(dh) && isfinite(dc);
  for (int g = 0; g < G; ++g) {
    sums[step_da2] += squared(da[g]);
    finite = finite && isfinite(da[g]);
  }
  sums[step_dh2] += squared(dh) + squared(dc);
  sums[step_nonfinite] += finite ? 0.0 : 1.0;
}

/// Writes a block's sums of one step; all threads of a block of `block_threads` call it.
///   partials [step_quantities, blocks]
__device__ inline void write_step(double (&sums)[step_quantities], double* partials) {
  block_sum<block_threads>(sums);
  if (threadIdx.x != 0) return;
  for (unsigned q = 0; q < step_quantities; ++q) partials[q * gridDim.x + blockIdx.x] = sums[q];
}

/// The same in two parts, so that a barrier can stand between them that is needed anyway. First
/// every warp posts its own sums …
///   board [warps, step_quantities], in shared memory: so that its readers, one per quantity, are
///   in different banks
template <int Warps>
__device__ void post_step(const double (&sums)[step_quantities],
                          double (&board)[Warps][step_quantities]) {
  for (int q = 0; q < step_quantities; ++q) {
    const double sum = warp_sum(sums[q]);
    if (threadIdx.x % 32 == 0) board[threadIdx.x / 32][q] = sum;
  }
}
/// … and behind the barrier, one thread per quantity adds them up, in the order of the warps.
///   partials [step_quantities, blocks]
template <int Warps>
__device__ void write_posted_step(const double (&board)[Warps][step_quantities], std::int64_t block,
                                  std::int64_t blocks, double* partials) {
  const unsigned q = threadIdx.x;
  if (q >= step_quantities) return;
  double sum = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) sum += board[warp][q];
  partials[q * blocks + block] = sum;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
