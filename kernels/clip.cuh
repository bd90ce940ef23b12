#pragma once

#include <cmath>

#include "kernels/block_sum.cuh"
#include "kernels/clip.h"
#include "kernels/clip_value.h"
#include "kernels/grid.cuh"
#include "kernels/pack.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// Elements before the first 16-byte address.
__device__ inline std::int64_t elements_before_pack(const ClipChunk& chunk) {
  const auto address = reinterpret_cast<std::uintptr_t>(chunk.data) / sizeof(float);
  const auto head = static_cast<std::int64_t>((4 - address % 4) % 4);
  return head < chunk.size ? head : chunk.size;
}

/// Calls f(float&) for every element of a chunk, the block's threads side by side: first what lies
/// before a 16-byte address, then packs of 4, then the rest. Changed says whether f changes it.
template <bool Changed, class F>
__device__ void for_each_element(const ClipChunk& chunk, F f) {
  const std::int64_t head = elements_before_pack(chunk);
  const std::int64_t packs = (chunk.size - head) / 4;
  float* body = chunk.data + head;
  if (threadIdx.x < head) f(chunk.data[threadIdx.x]);
  for (std::int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
    if constexpr (Changed) {
      Pack<4> pack = load<4>(body, i);
      for (float& element : pack.v) f(element);
      store<4>(body, i, pack);
    } else {
      const Pack<4> pack = load<4>(body, i);
      for (const float element : pack.v) f(element);
    }
  }
  const std::int64_t tail = head + 4 * packs + threadIdx.x;
  if (tail < chunk.size) f(chunk.data[tail]);
}

// partials[c] = Σ g² over chunk c
__global__ void __launch_bounds__(block_threads)
    clip_squares_kernel(const ClipChunk* chunks, std::int64_t count, double* partials) {
  for (std::int64_t c = blockIdx.x; c < count; c += gridDim.x) {
    double sum[1] = {0};
    for_each_element<false>(
        chunks[c], [&](float g) { sum[0] += static_cast<double>(g) * static_cast<double>(g); });
    block_sum<block_threads>(sum);
    if (threadIdx.x == 0) partials[c] = sum[0];
    __syncthreads();  // before the next block_sum
  }
}

// One block: the norm, and what to do about it.
__global__ void __launch_bounds__(block_threads)
    clip_decide_kernel(std::int64_t count, double threshold, const double* partials,
                       ClipResult* result) {
  double sum[1] = {0};
  for (std::int64_t c = threadIdx.x; c < count; c += block_threads) sum[0] += partials[c];
  block_sum<block_threads>(sum);
  if (threadIdx.x != 0) return;
  const double norm = sqrt(sum[0]);
  const bool finite = isfinite(norm);
  result->norm = norm;
  result->scale = finite && norm > threshold ? threshold / norm : 1.0;
  result->skipped = finite ? 0.0 : 1.0;
}

// The product is taken in float64: the scale may be smaller than any normal float.
__global__ void __launch_bounds__(block_threads)
    clip_scale_kernel(const ClipChunk* chunks, std::int64_t count, const ClipResult* result) {
  const double scale = result->scale;
  if (scale == 1.0) return;  // the whole grid leaves: the tensors are not read again
  for (std::int64_t c = blockIdx.x; c < count; c += gridDim.x) {
    for_each_element<true>(chunks[c], [=](float& g) { g = static_cast<float>(g * scale); });
  }
}

__global__ void __launch_bounds__(block_threads)
    clip_value_kernel(const ClipChunk* chunks, std::int64_t count, float limit) {
  for (std::int64_t c = blockIdx.x; c < count; c += gridDim.x) {
    for_each_element<true>(chunks[c], [=](float& g) { g = clipped(g, limit); });
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
