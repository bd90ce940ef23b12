#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/platform.h"

/// Where a thread stands, in 64 bits, and how many blocks a launch takes.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Threads per block of the elementwise kernels.
inline constexpr unsigned block_threads = 256;
/// Enough blocks to fill any GPU several times; grid-stride loops do the rest.
inline constexpr std::int64_t max_blocks = 4096;

/// This thread's number in a one-dimensional grid.
__device__ inline std::int64_t grid_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
/// Number of threads of a one-dimensional grid: the stride of a grid-stride loop.
__device__ inline std::int64_t grid_threads() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

HD constexpr std::int64_t divide_up(std::int64_t n, std::int64_t d) { return (n + d - 1) / d; }

/// Blocks of a grid-stride launch over n items, `per_block` at a time.
inline unsigned blocks_for(std::int64_t n, std::int64_t per_block = block_threads,
                           std::int64_t most = max_blocks) {
  return static_cast<unsigned>(std::min(divide_up(n, per_block), most));
}
/// Blocks of a launch in which each item has its own block. What does not fit 32 bits becomes a
/// number that every launch refuses.
inline unsigned as_blocks(std::int64_t n) {
  return static_cast<unsigned>(std::min<std::int64_t>(n, 0xffffffffU));
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
