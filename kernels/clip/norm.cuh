#pragma once

#include "kernels/block_sum.cuh"
#include "kernels/clip/elements.cuh"
#include "kernels/grid.cuh"

/// Clipping by norm. Each chunk's squares are one partial sum; the block that finishes last adds
/// them up in a fixed order and decides, so the number of blocks does not matter.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Threads per block of the launch that keeps the list on chip: one block per multiprocessor.
inline constexpr unsigned on_chip_threads = 512;
/// Chunks of one norm that a single thread adds up; above, its warp helps.
inline constexpr std::uint32_t chunks_of_thread = 32;

/// Whether all other blocks have called it before. What they wrote until then can be read with
/// load_exchanged. All threads call it, once in a launch.
__device__ inline bool is_last_block(unsigned* finished) {
  __shared__ bool last;
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();  // this block's partial sums, before it counts as finished
    last = atomicAdd(finished, 1U) == gridDim.x - 1;
    __threadfence();  // and the others' after that
  }
  __syncthreads();
  return last;
}

/// What norm n of the list must not exceed.
template <class Limit, class T>
__device__ double limit_of(const ClipTables<T>& list, std::int64_t n, double threshold) {
  ClipGroup group;
  if constexpr (Limit::reads_size) group.size = list.sizes[n];
  return Limit::of(threshold, group);
}

/// Σ partials of one norm for all chunks of a list. Of a block, block_threads threads take part,
/// so that the sum is the same for blocks of any size.
template <class Limit, unsigned Threads, class T>
__device__ void decide_one(const ClipTables<T>& list, double threshold, const ClipWorkspace& w) {
  double sum[1] = {0};
  if (threadIdx.x < block_threads) {
    for (std::int64_t c = threadIdx.x; c < list.count; c += block_threads) {
      sum[0] += load_exchanged(w.partials + c);
    }
  }
  block_sum<static_cast<int>(Threads)>(sum);
  if (threadIdx.x == 0) record(limited(sqrt(sum[0]), limit_of<Limit>(list, 0, threshold)), 0, w);
}

/// The same for many norms: one per thread, and where one has many chunks the warp together.
template <class Limit, unsigned Threads, class T>
__device__ void decide_many(const ClipTables<T>& list, double threshold, const ClipWorkspace& w) {
  const std::uint32_t lane = threadIdx.x % 32;
  for (std::int64_t base = threadIdx.x - lane; base < list.norms; base += Threads) {
    const std::int64_t n = base + lane;
    const std::uint32_t first = n < list.norms ? list.first_chunk[n] : 0;
    const std::uint32_t last = n < list.norms ? list.first_chunk[n + 1] : 0;
    const bool long_one = last - first > chunks_of_thread;
    double sum = 0;
    if (!long_one) {
      for (std::uint32_t c = first; c < last; ++c) sum += load_exchanged(w.partials + c);
    }
    for (unsigned left = __ballot_sync(0xffffffffU, long_one); left != 0; left &= left - 1) {
      const int whose = __ffs(static_cast<int>(left)) - 1;
      const std::uint32_t end = __shfl_sync(0xffffffffU, last, whose);
      double part = 0;
      for (std::uint32_t c = __shfl_sync(0xffffffffU, first, whose) + lane; c < end; c += 32) {
        part += load_exchanged(w.partials + c);
      }
      part = warp_sum(part);
      if (static_cast<int>(lane) == whose) sum = part;
    }
    if (n < list.norms) record(limited(sqrt(sum), limit_of<Limit>(list, n, threshold)), n, w);
  }
}

/// The last block's work: every norm, and what to do about it.
template <class Limit, unsigned Threads, class T>
__device__ void decide(const ClipTables<T>& list, double threshold, const ClipWorkspace& w) {
  if (threadIdx.x == 0) {
    w.report->skipped = 0;
    w.report->finished = 0;  // for the next launch
  }
  __syncthreads();
  if (list.norms == 1) {
    decide_one<Limit, Threads>(list, threshold, w);
  } else {
    decide_many<Limit, Threads>(list, threshold, w);
  }
}

// First launch of two: the norms.
template <class T, class Limit>
__global__ void __launch_bounds__(block_threads)
    clip_squares_kernel(ClipTables<T> list, double threshold, ClipWorkspace w) {
  for (std::int64_t c = grid_warp(); c < list.count; c += grid_warps()) {
    const ClipChunk<T> chunk = list.chunks[c];
    double sum = 0;
    for_each_pack(chunk, [&]<int W>(Width<W>, std::uint32_t at) {
      add_squares(sum, load<W>(chunk.g + at, 0));
    });
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) w.partials[c] = sum;
  }
  if (is_last_block(&w.report->finished)) decide<Limit, block_threads>(list, threshold, w);
}

// Second launch: the scale or the update.
template <class T>
__global__ void __launch_bounds__(block_threads)
    clip_apply_kernel(ClipTables<T> list, const ClipNorm* norms, ClipUpdate update) {
  if (list.norms == 1 && stays(norms[0], update)) return;  // the tensors are not read again
  for (std::int64_t c = grid_warp(); c < list.count; c += grid_warps()) {
    const ClipChunk<T> chunk = list.chunks[c];
    const ClipNorm norm = norms[chunk.unit];
    if (stays(norm, update)) continue;
    const ClipState<T> state = update.sgd ? list.states[c] : ClipState<T>{};
    update_chunk(chunk, state, ScaledBy{norm.scale}, update);
  }
}

// Both in one cooperative launch: a block keeps its chunks in shared memory meanwhile. An element
// is written and read there by the same thread.
template <class T, class Limit>
__global__ void __launch_bounds__(on_chip_threads)
    clip_on_chip_kernel(ClipTables<T> list, ClipPlaces places, double threshold, ClipUpdate update,
                        ClipWorkspace w) {
  T* const staged = dynamic_shared<T>();
  const unsigned decided_before = load_acquire(&w.report->decided);
  const std::uint32_t first = places.first_of_block[blockIdx.x] + threadIdx.x / 32;
  const std::uint32_t last = places.first_of_block[blockIdx.x + 1];
  for (std::uint32_t c = first; c < last; c += on_chip_threads / 32) {
    const ClipChunk<T> chunk = list.chunks[c];
    T* const mine = staged + places.slot[c] + elements_after_pack(chunk.g);
    double sum = 0;
    for_each_pack(chunk, [&]<int W>(Width<W>, std::uint32_t at) {
      const Pack<W, T> g = load<W>(chunk.g + at, 0);
      store<W>(mine + at, 0, g);
      add_squares(sum, g);
    });
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) w.partials[c] = sum;
  }

  if (is_last_block(&w.report->finished)) {
    decide<Limit, on_chip_threads>(list, threshold, w);
    __syncthreads();
    if (threadIdx.x == 0) add_release(&w.report->decided, 1);
  } else {
    if (threadIdx.x == 0) {
      spin_until([&] { return load_acquire(&w.report->decided) != decided_before; });
    }
    __syncthreads();
  }

  for (std::uint32_t c = first; c < last; c += on_chip_threads / 32) {
    const ClipChunk<T> chunk = list.chunks[c];
    const ClipNorm norm{load_exchanged(&w.norms[chunk.unit].norm),
                        load_exchanged(&w.norms[chunk.unit].scale)};
    if (stays(norm, update)) continue;
    const ClipState<T> state = update.sgd ? list.states[c] : ClipState<T>{};
    const T* const mine = staged + places.slot[c] + elements_after_pack(chunk.g);
    for_each_pack(chunk, [&]<int W>(Width<W>, std::uint32_t at) {
      update_pack(chunk, state, at, load<W>(mine + at, 0), ScaledBy{norm.scale}, update);
    });
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
