#pragma once

#include "kernels/block_sum.cuh"
#include "kernels/clip/elements.cuh"
#include "kernels/grid.cuh"

/// Clipping in a single pass: by value, and by the norm of each unit.
namespace gradepth::inline GRADEPTH_PLATFORM {

template <class T>
__global__ void __launch_bounds__(block_threads)
    clip_value_kernel(ClipTables<T> list, float limit, ClipUpdate update) {
  for (std::int64_t c = grid_warp(); c < list.count; c += grid_warps()) {
    const ClipChunk<T> chunk = list.chunks[c];
    const ClipState<T> state = update.sgd ? list.states[c] : ClipState<T>{};
    update_chunk(chunk, state, LimitedTo{limit}, update);
  }
}

// A chunk is a unit. A warp keeps its gradient in shared memory, if it fits, until the norms are
// known. That memory lets four blocks run on a multiprocessor; when ptxas is left to choose, it
// aims for more and spills.
template <class T, class Limit>
__global__ void __launch_bounds__(block_threads, 4)
    clip_adaptive_kernel(ClipTables<T> list, double threshold, ClipUpdate update, ClipWorkspace w) {
  constexpr std::uint32_t room = clip_staged_bytes / sizeof(T);
  T* const staged = dynamic_shared<T>() + threadIdx.x / 32 * room;
  for (std::int64_t c = grid_warp(); c < list.count; c += grid_warps()) {
    const ClipChunk<T> chunk = list.chunks[c];
    const ClipState<T> state = list.states[c];
    const std::uint32_t misaligned = elements_after_pack(chunk.g);
    const bool fits = misaligned + chunk.size <= room;
    double g2 = 0;
    double w2 = 0;
    for_each_pack(chunk, [&]<int W>(Width<W>, std::uint32_t at) {
      const Pack<W, T> g = load<W>(chunk.g + at, 0);
      if (fits) store<W>(staged + misaligned + at, 0, g);
      add_squares(g2, g);
      if constexpr (Limit::reads_weights) add_squares(w2, load_anywhere<W>(state.w + at));
    });
    ClipGroup group{.size = static_cast<double>(chunk.size), .weight = 0};
    if constexpr (Limit::reads_weights) group.weight = sqrt(warp_sum(w2));
    const ClipNorm norm = limited(sqrt(warp_sum(g2)), Limit::of(threshold, group));
    if (threadIdx.x % 32 == 0) record(norm, c, w);
    if (!stays(norm, update)) {
      const T* const g = fits ? staged + misaligned : chunk.g;
      for_each_pack(chunk, [&]<int W>(Width<W>, std::uint32_t at) {
        update_pack(chunk, state, at, load<W>(g + at, 0), ScaledBy{norm.scale}, update);
      });
    }
    __syncwarp();  // before the next unit overwrites what lanes still read
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
