#pragma once

#include "kernels/grid.cuh"
#include "kernels/linear/gemm.h"
#include "kernels/platform.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// A block of 8 x 8 threads makes a tile of C; a thread makes `R` rows by 4 columns of it, 8 apart.
inline constexpr int gemm_lanes = 8;
inline constexpr int gemm_threads = gemm_lanes * gemm_lanes;
inline constexpr int gemm_columns = 4;
inline constexpr int gemm_depth = 32;  // of the slices of A and B in shared memory
inline constexpr int gemm_width = gemm_lanes * gemm_columns;

/// A slice of op(X) with k first, as both operands are read. The odd pitch keeps both ways of
/// filling it free of bank conflicts: along a row, and down a column.
template <int Width>
using GemmSlice = float[gemm_depth][Width + 1];

/// Fills slice[k - k0][i - i0] with X's element (i, k), 0 outside.
///   X [count, depth] with k along its rows (KContiguous), else X [depth, count]
/// Neighbouring threads read neighbouring addresses in both cases.
template <bool KContiguous, int Width>
__device__ void load_slice(GemmSlice<Width>& slice, const float* X, std::int64_t count,
                           std::int64_t depth, std::int64_t i0, std::int64_t k0) {
  const int thread = static_cast<int>(threadIdx.y * gemm_lanes + threadIdx.x);
  for (int e = thread; e < gemm_depth * Width; e += gemm_threads) {
    const int k = KContiguous ? e % gemm_depth : e / Width;
    const int i = KContiguous ? e / gemm_depth : e % Width;
    const bool inside = i0 + i < count && k0 + k < depth;
    const std::int64_t at = KContiguous ? (i0 + i) * depth + k0 + k : (k0 + k) * count + i0 + i;
    slice[k][i] = inside ? X[at] : 0.F;
  }
}

// blockIdx = (tile of rows, tile of columns)
template <bool TransposeA, bool TransposeB, int R>
__global__ void __launch_bounds__(gemm_threads) gemm_kernel(Gemm p) {
  constexpr int height = gemm_lanes * R;
  __shared__ GemmSlice<height> A;
  __shared__ GemmSlice<gemm_width> B;
  const std::int64_t i0 = static_cast<std::int64_t>(blockIdx.x) * height;
  const std::int64_t j0 = static_cast<std::int64_t>(blockIdx.y) * gemm_width;
  const int ty = static_cast<int>(threadIdx.y);
  const int tx = static_cast<int>(threadIdx.x);

  float sum[R][gemm_columns] = {};
  for (std::int64_t k0 = 0; k0 < p.k; k0 += gemm_depth) {
    load_slice<!TransposeA, height>(A, p.A, p.m, p.k, i0, k0);
    load_slice<TransposeB, gemm_width>(B, p.B, p.n, p.k, j0, k0);
    __syncthreads();
    for (int k = 0; k < gemm_depth; ++k) {
      for (int r = 0; r < R; ++r) {
        for (int c = 0; c < gemm_columns; ++c) {
          sum[r][c] += A[k][ty + r * gemm_lanes] * B[k][tx + c * gemm_lanes];
        }
      }
    }
    __syncthreads();  // before the next slices overwrite these
  }

  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < gemm_columns; ++c) {
      const std::int64_t i = i0 + ty + r * gemm_lanes;
      const std::int64_t j = j0 + tx + c * gemm_lanes;
      if (i >= p.m || j >= p.n) continue;
      float& out = p.C[i * p.n + j];
      out = p.beta == 0.F ? sum[r][c] : p.beta * out + sum[r][c];
    }
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
