#pragma once

#include "kernels/activation.h"
#include "kernels/activation_pass.h"
#include "kernels/block_sum.cuh"
#include "kernels/grid.cuh"
#include "kernels/pack.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// f'(x) of W neighbours; reads only the one of x and y that the activation needs.
template <class Act, int W>
__device__ Pack<W> load_slope(const float* x, const float* y, std::int64_t i) {
  Pack<W> slope;
  if constexpr (Act::from_output) {
    const Pack<W> at = load<W>(y, i);
    for (int k = 0; k < W; ++k) slope.v[k] = Act::slope(0.F, at.v[k]);
  } else {
    const Pack<W> at = load<W>(x, i);
    for (int k = 0; k < W; ++k) slope.v[k] = Act::slope(at.v[k], 0.F);
  }
  return slope;
}

/// dx = dy · f' of W neighbours.
template <class Act, int W>
__device__ Pack<W> backward_pack(const float* x, const float* y, const float* dy, std::int64_t i) {
  const Pack<W> slope = load_slope<Act, W>(x, y, i);
  Pack<W> dx = load<W>(dy, i);
  for (int k = 0; k < W; ++k) dx.v[k] *= slope.v[k];
  return dx;
}

// x, y [n]
template <class Act, int W>
__global__ void __launch_bounds__(block_threads)
    activation_forward_kernel(std::int64_t n, const float* x, float* y) {
  for (std::int64_t i = grid_thread(); i < n / W; i += grid_threads()) {
    Pack<W> value = load<W>(x, i);
    for (int k = 0; k < W; ++k) value.v[k] = Act::value(value.v[k]);
    store<W>(y, i, value);
  }
  const std::int64_t tail = n - n % W + grid_thread();
  if (tail < n) y[tail] = Act::value(x[tail]);
}

// x, y, dy, dx [n]
template <class Act, int W>
__global__ void __launch_bounds__(block_threads)
    activation_backward_kernel(std::int64_t n, const float* x, const float* y, const float* dy,
                               float* dx) {
  for (std::int64_t i = grid_thread(); i < n / W; i += grid_threads()) {
    store<W>(dx, i, backward_pack<Act, W>(x, y, dy, i));
  }
  const std::int64_t tail = n - n % W + grid_thread();
  if (tail < n) store<1>(dx, tail, backward_pack<Act, 1>(x, y, dy, tail));
}

// x, y, dy, dx [rows, cols], cols a multiple of W; partials [parts, cols].
// A thread keeps W columns and walks down every row_lanes-th row of its part. Four blocks per
// multiprocessor leave it 64 registers; when ptxas is left to choose, it spills some to memory.
template <class Act, int W>
__global__ void __launch_bounds__(column_threads, 4)
    activation_backward_bias_kernel(std::int64_t rows, std::int64_t parts, std::int64_t cols,
                                    const float* x, const float* y, const float* dy, float* dx,
                                    double* partials) {
  const std::int64_t packs = cols / W;  // per row
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * column_lanes + threadIdx.x;
  const std::int64_t part = blockIdx.x;
  const RowRange range = rows_of_part(rows, parts, part);
  double db[W] = {};
  if (c < packs) {
    for (std::int64_t r = range.first + threadIdx.y; r < range.last; r += row_lanes) {
      const std::int64_t i = r * packs + c;
      const Pack<W> g = backward_pack<Act, W>(x, y, dy, i);
      store<W>(dx, i, g);
      for (int k = 0; k < W; ++k) db[k] += g.v[k];
    }
  }
  sum_over_row_lanes(db);
  if (threadIdx.y == 0 && c < packs) {
    for (int k = 0; k < W; ++k) partials[part * cols + c * W + k] = db[k];
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
