#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// Sums over the threads of one block, each addition in its place.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Sum over the 32 lanes of a whole warp, in every lane.
__device__ inline double warp_sum(double x) {
  for (int distance = 16; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(0xffffffffU, x, distance);
  }
  return x;
}

/// Sums of N numbers over a block of `Threads` threads, a multiple of 32; valid in thread 0. All
/// threads call it. Between two calls a block-wide barrier must stand: the second call writes what
/// the first one reads.
template <int Threads, int N>
__device__ void block_sum(double (&x)[N]) {
  constexpr int warps = Threads / 32;
  __shared__ double of_warp[N][warps];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int i = 0; i < N; ++i) {
    x[i] = warp_sum(x[i]);
    if (lane == 0) of_warp[i][warp] = x[i];
  }
  __syncthreads();
  if (warp == 0) {
    for (int i = 0; i < N; ++i) x[i] = warp_sum(lane < warps ? of_warp[i][lane] : 0.0);
  }
}

// A block of 32 columns x 8 rows; blockIdx = (group and part, column tile).
inline constexpr int column_lanes = 32;
inline constexpr int row_lanes = 8;
inline constexpr int column_threads = column_lanes * row_lanes;

/// One part of a matrix' rows: [first, last).
struct RowRange {
  std::int64_t first;
  std::int64_t last;
};
__device__ inline RowRange rows_of_part(std::int64_t rows, std::int64_t parts, std::int64_t part) {
  return {rows * part / parts, rows * (part + 1) / parts};
}

/// The sum of a column over the block's row lanes, in the threads of row lane 0. N columns per
/// thread.
template <int N>
__device__ void sum_over_row_lanes(double (&column)[N]) {
  // The lane comes last, so that a warp's 32 doubles lie side by side.
  __shared__ double of_lane[row_lanes][N][column_lanes];
  for (int i = 0; i < N; ++i) of_lane[threadIdx.y][i][threadIdx.x] = column[i];
  __syncthreads();
  if (threadIdx.y != 0) return;
  for (int i = 0; i < N; ++i) {
    double sum = 0;
    for (const auto& lane : of_lane) sum += lane[i][threadIdx.x];
    column[i] = sum;
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
