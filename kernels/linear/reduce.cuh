#pragma once

#include "kernels/block_sum.cuh"
#include "kernels/grid.cuh"
#include "kernels/linear/reduce.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

inline constexpr int reduce_threads = 128;

// One block per row.
__global__ void __launch_bounds__(reduce_threads)
    sum_rows_kernel(std::int64_t cols, const double* partials, double* totals) {
  const double* row = partials + blockIdx.x * cols;
  double sum[1] = {0};
  for (std::int64_t k = threadIdx.x; k < cols; k += reduce_threads) sum[0] += row[k];
  block_sum<reduce_threads>(sum);
  if (threadIdx.x == 0) totals[blockIdx.x] = sum[0];
}

__global__ void __launch_bounds__(column_threads)
    column_parts_kernel(std::int64_t rows, std::int64_t parts, std::int64_t cols, const float* x,
                        double* partials) {
  const std::int64_t group = blockIdx.x / parts;
  const std::int64_t part = blockIdx.x % parts;
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * column_lanes + threadIdx.x;
  const RowRange range = rows_of_part(rows, parts, part);
  double sum[1] = {0};
  if (c < cols) {
    for (std::int64_t r = range.first + threadIdx.y; r < range.last; r += row_lanes) {
      sum[0] += x[(group * rows + r) * cols + c];
    }
  }
  sum_over_row_lanes(sum);
  if (threadIdx.y == 0 && c < cols) partials[blockIdx.x * cols + c] = sum[0];
}

__global__ void __launch_bounds__(column_threads)
    sum_parts_kernel(std::int64_t parts, std::int64_t cols, const double* partials, float* sums) {
  const std::int64_t group = blockIdx.x;
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * column_lanes + threadIdx.x;
  double sum[1] = {0};
  if (c < cols) {
    for (std::int64_t p = threadIdx.y; p < parts; p += row_lanes) {
      sum[0] += partials[(group * parts + p) * cols + c];
    }
  }
  sum_over_row_lanes(sum);
  if (threadIdx.y == 0 && c < cols) sums[group * cols + c] = static_cast<float>(sum[0]);
}

// One block per group and channel.
__global__ void __launch_bounds__(reduce_threads)
    channel_sums_kernel(std::int64_t rows, std::int64_t channels, std::int64_t pixels,
                        const float* x, float* sums) {
  const std::int64_t group = blockIdx.x / channels;
  const std::int64_t channel = blockIdx.x % channels;
  double sum[1] = {0};
  for (std::int64_t i = threadIdx.x; i < rows * pixels; i += reduce_threads) {
    const std::int64_t r = group * rows + i / pixels;
    sum[0] += x[(r * channels + channel) * pixels + i % pixels];
  }
  block_sum<reduce_threads>(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = static_cast<float>(sum[0]);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
