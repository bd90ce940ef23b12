#pragma once

#include "kernels/platform.h"
#include "kernels/recurrence/layout.h"

/// The product of one step within a block, out of shared memory:
///   sums[b, r] = Σ_k w[r, k] v[b, k]
///
/// A tile policy says how a warp multiplies one tile:
///   rows, batch   of the tile
///   multiply(w, v, pitch, depth, sums)   all lanes of a warp call it; w and v point at the tile's
///                 rows; leaves the sum of row r and entry b at sums[r * batch + b]
/// so that another way to multiply (tensor cores) is another policy.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Adds N numbers over the warp's 32 lanes, N a power of two and at most 32. Afterwards each lane
/// holds one complete sum, of number lane / (32 / N): N - 1 + log2(32 / N) shuffles instead of
/// 5 N. Recursion and not a loop, so that the numbers stay in registers.
template <int Lanes, int N>
__device__ float reduce_scatter(const float (&numbers)[N], int lane) {
  if constexpr (Lanes == 1) {
    return numbers[0];
  } else if constexpr (N == 1) {
    const float sum[1] = {numbers[0] + __shfl_xor_sync(0xffffffffU, numbers[0], Lanes / 2)};
    return reduce_scatter<Lanes / 2>(sum, lane);
  } else {
    const bool upper = (lane & (Lanes / 2)) != 0;
    float half[N / 2];
    for (int i = 0; i < N / 2; ++i) {
      const float give = upper ? numbers[i] : numbers[i + N / 2];
      const float keep = upper ? numbers[i + N / 2] : numbers[i];
      half[i] = keep + __shfl_xor_sync(0xffffffffU, give, Lanes / 2);
    }
    return reduce_scatter<Lanes / 2>(half, lane);
  }
}

/// fp32 on the ordinary arithmetic units. The lanes split k into pieces of four floats: neighbours
/// read neighbouring 16 bytes, so no bank is asked twice and nothing is transposed. Each lane keeps
/// a partial sum of every output; a reduce-scatter over the warp leaves one finished output per
/// lane.
template <int Rows, int Batch>
struct WarpTile {
  static constexpr int rows = Rows;
  static constexpr int batch = Batch;
  static constexpr int outputs = tile_outputs({Rows, Batch});  // rows filled up to a power of two
  static_assert((outputs & (outputs - 1)) == 0 && outputs <= 32, "one output per lane at most");

  /// depth: a multiple of 4; where the matrix ends earlier, w and v hold zeros up to it.
  __device__ static void multiply(const float* w, const float* v, int pitch, int depth,
                                  float* sums) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const auto* const w_pieces = reinterpret_cast<const float4*>(w);
    const auto* const v_pieces = reinterpret_cast<const float4*>(v);
    const int row_pieces = pitch / 4;
    float sum[outputs] = {};
#pragma unroll 1  // two rounds at once would not fit the registers
    for (int k = lane; k < depth / 4; k += 32) {
      float4 x[Rows];
      for (int r = 0; r < Rows; ++r) x[r] = w_pieces[r * row_pieces + k];
      for (int b = 0; b < Batch; ++b) {
        const float4 y = v_pieces[b * row_pieces + k];
        for (int r = 0; r < Rows; ++r) {
          float& s = sum[r * Batch + b];
          s += x[r].x * y.x;
          s += x[r].y * y.y;
          s += x[r].z * y.z;
          s += x[r].w * y.w;
        }
      }
    }
    constexpr int lanes_each = 32 / outputs;
    const float finished = reduce_scatter<32>(sum, lane);
    if (lane % lanes_each == 0) sums[lane / lanes_each] = finished;
  }
};

/// Where the sum of (row, b) lies among those of a block's tiles, `stride` apart, rows first.
template <class Tile>
__device__ int sum_index(int row, int b, int row_tiles, int stride) {
  const int tile = b / Tile::batch * row_tiles + row / Tile::rows;
  return tile * stride + row % Tile::rows * Tile::batch + b % Tile::batch;
}

/// All tiles of a block, its warps side by side.
///   w [row_tiles * Tile::rows, pitch], v [batch_tiles * Tile::batch, pitch]
template <class Tile>
__device__ void block_product(const float* w, int row_tiles, const float* v, int batch_tiles,
                              int pitch, int depth, float* sums, int stride) {
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  int row_tile = warp % row_tiles;
  int batch_tile = warp / row_tiles;
  for (int tile = warp; tile < row_tiles * batch_tiles; tile += warps) {
    Tile::multiply(w + row_tile * Tile::rows * pitch, v + batch_tile * Tile::batch * pitch, pitch,
                   depth, sums + tile * stride);
    for (row_tile += warps; row_tile >= row_tiles; row_tile -= row_tiles) ++batch_tile;
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
