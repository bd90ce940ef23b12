#pragma once

#include "kernels/chain/pointwise.cuh"
#include "kernels/recurrence/additive.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

enum class Terms : std::uint8_t { two, all, windowed };

/// What w multiplies: the last two states, all of them, or a window of `terms`. It is its own
/// transpose: the way back adds up gradients as the way forward adds up states.
template <Terms Of>
struct History {
  std::int64_t terms;
  float total = 0;   // of the states that the form adds up
  float newest = 0;  // of two alone

  /// `f` is the last of the `count` states there are, and stored at `at`; each lies `back` numbers
  /// from the one before.
  __device__ void add(float f, const float* at, std::int64_t back, std::int64_t count) {
    if constexpr (Of == Terms::windowed) {
      total = 0;
      for (std::int64_t k = min(terms, count) - 1; k >= 0; --k) total += at[k * back];
    } else {
      total = Of == Terms::all ? total + f : newest + f;
      newest = f;
    }
  }
};

// One thread per element, all steps.
template <Terms Of>
__global__ void __launch_bounds__(block_threads) additive_forward_kernel(Additive p) {
  const std::int64_t i = grid_thread();
  if (i >= p.n) return;
  History<Of> states{p.terms};
  states.add(p.h[i], p.h + i, -p.n, 1);
  for (std::int64_t t = 0; t < p.T; ++t) {
    const float f = p.w[0] * states.total;
    p.a[t * p.n + i] = states.total;
    p.h[(t + 1) * p.n + i] = f;
    states.add(f, p.h + (t + 1) * p.n + i, -p.n, t + 2);
  }
}

template <Terms Of>
__global__ void __launch_bounds__(block_threads) additive_backward_kernel(Additive p) {
  const std::int64_t i = grid_thread();
  const bool inside = i < p.n;     // all threads stay for the sums
  History<Of> gradients{p.terms};  // of the later states, clipped
  double dw[1] = {0};
  for (std::int64_t t = p.T; t >= 0; --t) {
    double sums[step_quantities] = {};
    if (inside) {
      const float dy = t > 0 ? p.dy[(t - 1) * p.n + i] : 0.F;
      const float dh = dy + p.w[0] * gradients.total;
      if (p.dh != nullptr) p.dh[t * p.n + i] = dh;
      if (t == 0) {
        p.dh0[i] = dh;
        if (p.partials != nullptr) measure<0>(sums, dh, 0, nullptr);
      } else {
        const float da = p.clip_value > 0 ? clipped(dh, p.clip_value) : dh;
        if (p.da != nullptr) p.da[(t - 1) * p.n + i] = da;
        dw[0] += static_cast<double>(da) * static_cast<double>(p.a[(t - 1) * p.n + i]);
        gradients.add(da, p.da + (t - 1) * p.n + i, p.n, p.T - t + 1);
        if (p.partials != nullptr) measure<1>(sums, dh, 0, &da);
      }
    }
    if (p.partials == nullptr) continue;
    write_step(sums, p.partials + t * step_quantities * gridDim.x);
    __syncthreads();  // before the next step's sums
  }
  block_sum<block_threads>(dw);
  if (threadIdx.x == 0) p.dw_partials[blockIdx.x] = dw[0];
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
