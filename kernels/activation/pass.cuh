#pragma once

#include <cmath>

#include "kernels/activation/activation.h"
#include "kernels/activation/pass.h"
#include "kernels/block_sum.cuh"
#include "kernels/grid.cuh"
#include "kernels/pack.cuh"

/// The kernels and launchers behind pass.h. Each of pass_f32.cu, pass_f16.cu and pass_bf16.cu
/// instantiates them for one T, so that the three compile side by side.
namespace gradepth::inline GRADEPTH_PLATFORM {

// x, y [n]; packed: both start on 16-byte addresses
template <class Act, class T>
__global__ void __launch_bounds__(block_threads)
    activation_forward_kernel(std::int64_t n, bool packed, const T* x, T* y) {
  constexpr int W = pack_width<T>;
  const std::int64_t packs = packed ? n / W : 0;
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    Pack<W, T> pack = load<W>(x, i);
    unrolled<W>(
        [&](int k) { pack.v[k] = rounded_to<T>(Act::value(static_cast<float>(pack.v[k]))); });
    store<W>(y, i, pack);
  }
  for (std::int64_t i = packs * W + grid_thread(); i < n; i += grid_threads()) {
    y[i] = rounded_to<T>(Act::value(static_cast<float>(x[i])));
  }
}

/// A matrix is cut into tiles of this many columns, and the rows into parts: a block has one part
/// of one tile. An array without columns to add up counts as a matrix as wide as a tile.
inline constexpr int tile_cols = 32;

/// How a backward pass is cut, and its arrays.
template <class T>
struct BackwardTiles {
  std::int64_t rows, cols, parts;
  std::int64_t size;  // elements: the last row of an array may be shorter than a tile
  bool packed;        // the arrays start, and rows follow each other, in steps of 16 bytes
  const T* kept;      // x or y, whichever the slope needs
  const T* dy;
  T* dx;
  T* db;             // null: not wanted
  double* partials;  // [parts, cols] of db; unused with one part
  double* counts;    // [parts, tiles] of saturated elements; null: not wanted
};

/// Sums of a tile's columns over the block, in a fixed order. A thread brings W neighbouring
/// columns of its lane, `tile_cols / W` lanes of a warp make a row. Calls use(column, sum) for
/// every column, each in a thread of its own. All threads of the block call it.
template <int W, class Use>
__device__ void sum_tile_columns(double (&of_thread)[W], Use use) {
  constexpr int lanes = tile_cols / W;
  __shared__ double of_warp[block_threads / 32][tile_cols];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int k = 0; k < W; ++k) {
    for (int distance = lanes; distance < 32; distance *= 2) {
      of_thread[k] += __shfl_xor_sync(0xffffffffU, of_thread[k], distance);
    }
    // The k-th columns of all lanes side by side: no two lanes in one bank.
    if (lane < lanes) of_warp[warp][k * lanes + lane] = of_thread[k];
  }
  __syncthreads();
  if (warp != 0) return;
  double sum = 0;
  for (const auto& part : of_warp) sum += part[lane];
  use(lane % lanes * W + lane / lanes, sum);
}

/// dx = dy · f' of one element; counts it if it is saturated.
template <class Act, bool of_output, class T>
__device__ T backward_element(T kept, T dy, int& saturated) {
  const auto at = static_cast<float>(kept);
  const float slope = slope_of_kept<Act, of_output>(at);
  saturated += fabsf(slope) < saturation_slope;
  return rounded_to<T>(static_cast<float>(dy) * slope);
}

/// The block's part of its tile, W columns per thread. Returns the thread's saturated elements.
template <class Act, bool of_output, int W, class T>
__device__ int backward_tile(const BackwardTiles<T>& m) {
  constexpr int lanes = tile_cols / W;
  constexpr int rows_at_once = static_cast<int>(block_threads) / lanes;
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * tile_cols;
  const std::int64_t c = first_column + threadIdx.x % lanes * W;
  const RowRange range = rows_of_part(m.rows, m.parts, blockIdx.y);
  int saturated = 0;
  double db[W] = {};
  if (c < m.cols) {
    for (std::int64_t r = range.first + threadIdx.x / lanes; r < range.last; r += rows_at_once) {
      const std::int64_t i = r * m.cols + c;
      if (i + W > m.size) break;
      const Pack<W, T> kept = load<W>(m.kept, i / W);
      Pack<W, T> g = load<W>(m.dy, i / W);
      unrolled<W>(
          [&](int k) { g.v[k] = backward_element<Act, of_output>(kept.v[k], g.v[k], saturated); });
      store<W>(m.dx, i / W, g);
      if (m.db == nullptr) continue;
      unrolled<W>([&](int k) { db[k] += static_cast<double>(static_cast<float>(g.v[k])); });
    }
  }
  if (m.db != nullptr) {
    sum_tile_columns(db, [&](int column, double sum) {
      const std::int64_t at = first_column + column;
      if (at >= m.cols) return;
      if (m.parts == 1) {
        m.db[at] = rounded_to<T>(sum);
      } else {
        m.partials[blockIdx.y * m.cols + at] = sum;
      }
    });
  }
  return saturated;
}

// grid (tiles, parts). Three blocks per multiprocessor leave a thread 80 registers.
template <class Act, bool of_output, class T>
__global__ void __launch_bounds__(block_threads, 3) activation_backward_kernel(BackwardTiles<T> m) {
  constexpr int W = pack_width<T>;
  int saturated =
      m.packed ? backward_tile<Act, of_output, W>(m) : backward_tile<Act, of_output, 1>(m);
  const std::int64_t tail = m.size - m.size % W + threadIdx.x;  // of an array, after its last pack
  if (m.packed && blockIdx.x == 0 && blockIdx.y == 0 && tail < m.size) {
    m.dx[tail] = backward_element<Act, of_output>(m.kept[tail], m.dy[tail], saturated);
  }
  if (m.counts == nullptr) return;
  double sum[1] = {static_cast<double>(saturated)};
  block_sum<block_threads>(sum);
  if (threadIdx.x == 0) m.counts[blockIdx.y * gridDim.x + blockIdx.x] = sum[0];
}

// What the blocks left behind: db of one tile per block, and in the last block the count.
//   counts [count]
template <class T>
__global__ void __launch_bounds__(block_threads)
    activation_sums_kernel(std::int64_t parts, std::int64_t cols, const double* partials, T* db,
                           std::int64_t count, const double* counts, double* saturated) {
  if (saturated != nullptr && blockIdx.x == gridDim.x - 1) {
    double sum[1] = {0};
    for (std::int64_t i = threadIdx.x; i < count; i += block_threads) sum[0] += counts[i];
    block_sum<block_threads>(sum);
    if (threadIdx.x == 0) *saturated = sum[0];
    return;
  }
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * tile_cols;
  const std::int64_t c = first_column + threadIdx.x % tile_cols;
  double sum[1] = {0};
  if (c < cols) {
    for (std::int64_t p = threadIdx.x / tile_cols; p < parts; p += block_threads / tile_cols) {
      sum[0] += partials[p * cols + c];
    }
  }
  sum_tile_columns(sum, [&](int column, double total) {
    if (first_column + column < cols) db[first_column + column] = rounded_to<T>(total);
  });
}

/// How to cut a matrix, or an array if no bias gradient is wanted; the pointers are left null.
template <class T>
BackwardTiles<T> cut(std::int64_t rows, std::int64_t cols, bool bias_gradient) {
  BackwardTiles<T> m{};
  m.size = rows * cols;
  if (bias_gradient) {
    // A partial sum is written and read, 16 bytes: over the rows of 64 packs or more, half a
    // percent of the matrix. 2048 blocks are enough.
    const std::int64_t tiles = std::max<std::int64_t>(divide_up(cols, tile_cols), 1);
    const std::int64_t most = std::max<std::int64_t>(2048 / tiles, 1);
    m.rows = rows;
    m.cols = cols;
    m.parts = std::clamp<std::int64_t>(rows / (64 * pack_width<T>), 1, most);
  } else {
    m.rows = divide_up(m.size, tile_cols);
    m.cols = tile_cols;
    const std::int64_t rows_at_once = block_threads * pack_width<T> / tile_cols;
    m.parts = std::max(blocks_for(m.rows, rows_at_once), 1U);
  }
  return m;
}

/// Doubles of the partial sums of db.
template <class T>
std::int64_t size_of_partials(const BackwardTiles<T>& m, bool bias_gradient) {
  return bias_gradient && m.parts > 1 ? m.parts * m.cols : 0;
}

template <class Act, class T>
void activation_forward(std::int64_t n, const T* x, T* y, const StreamRef& stream) {
  if (n == 0) return;
  launch(activation_forward_kernel<Act, T>, dim3(blocks_for(divide_up(n, pack_width<T>))),
         dim3(block_threads), 0, stream, n, aligned_for_packs(x, y), x, y);
}

template <class T>
std::int64_t activation_workspace(std::int64_t rows, std::int64_t cols, bool bias_gradient,
                                  bool count_saturated) {
  const BackwardTiles<T> m = cut<T>(rows, cols, bias_gradient);
  return size_of_partials(m, bias_gradient) +
         (count_saturated ? m.parts * divide_up(m.cols, tile_cols) : 0);
}

template <class Act, class T>
void activation_backward(const ActivationBackward<T>& pass, const StreamRef& stream) {
  const bool bias_gradient = pass.db != nullptr;
  const bool count_saturated = pass.saturated != nullptr;
  BackwardTiles<T> m = cut<T>(pass.rows, pass.cols, bias_gradient);
  const std::int64_t tiles = divide_up(m.cols, tile_cols);
  const std::int64_t sums = size_of_partials(m, bias_gradient);
  m.dy = pass.dy;
  m.dx = pass.dx;
  m.db = pass.db;
  m.partials = pass.workspace;
  if (count_saturated) m.counts = pass.workspace + sums;
  const auto run = [&](auto kernel, const T* kept) {
    m.kept = kept;
    m.packed = m.cols % pack_width<T> == 0 && aligned_for_packs(m.kept, m.dy, m.dx);
    if (tiles == 0) return;
    launch(kernel, dim3(as_blocks(tiles), as_blocks(m.parts)), dim3(block_threads), 0, stream, m);
  };
  bool of_output = false;
  if constexpr (has_slope_from_output<Act>) {
    of_output = pass.slope == SlopeFrom::output;
    if (of_output) run(activation_backward_kernel<Act, true, T>, pass.y);
  }
  if (!of_output) run(activation_backward_kernel<Act, false, T>, pass.x);
  const std::int64_t blocks = (sums > 0 ? tiles : 0) + (count_saturated ? 1 : 0);
  if (blocks == 0) return;
  launch(activation_sums_kernel<T>, dim3(as_blocks(blocks)), dim3(block_threads), 0, stream,
         m.parts, m.cols, static_cast<const double*>(m.partials), m.db, m.parts * tiles,
         static_cast<const double*>(m.counts), pass.saturated);
}

template <class T>
ActivationKernels<T> activation_kernels(Activation act) {
  ActivationKernels<T> kernels{};
  with_activation(act, [&](auto f) {
    kernels = {activation_forward<decltype(f), T>, activation_backward<decltype(f), T>};
  });
  return kernels;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
