#pragma once

#include <cmath>

#include "kernels/block_sum.cuh"
#include "kernels/clip/foreach.h"
#include "kernels/grid.cuh"
#include "kernels/pack.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

inline constexpr int foreach_threads = 512;

/// Calls f(float&) for each number of a chunk, four at a time where the tensor's address allows it.
template <bool Changed, class F>
__device__ void for_each_in_chunk(const ForeachTensor& tensor, std::int64_t chunk, F f) {
  float* const data = tensor.data + chunk * foreach_chunk_size;
  const std::int64_t rest = tensor.size - chunk * foreach_chunk_size;
  const std::int64_t size = rest < foreach_chunk_size ? rest : foreach_chunk_size;
  const bool in_packs =
      size % 4 == 0 && reinterpret_cast<std::uintptr_t>(data) % alignof(Pack<4>) == 0;
  if (!in_packs) {
    for (std::int64_t i = threadIdx.x; i < size; i += foreach_threads) f(data[i]);
    return;
  }
  for (std::int64_t i = threadIdx.x; i < size / 4; i += foreach_threads) {
    Pack<4> pack = load<4>(data, i);
    for (float& x : pack.v) f(x);
    if constexpr (Changed) store<4>(data, i, pack);
  }
}

// One block per chunk.
__global__ void __launch_bounds__(foreach_threads)
    foreach_squares_kernel(const ForeachTensor* tensors, const ForeachChunk* chunks,
                           float* squares) {
  const ForeachChunk chunk = chunks[blockIdx.x];
  float sum = 0;
  for_each_in_chunk<false>(tensors[chunk.tensor], chunk.chunk,
                           [&](const float& x) { sum += x * x; });
  double total[1] = {sum};
  block_sum<foreach_threads>(total);
  if (threadIdx.x == 0) squares[blockIdx.x] = static_cast<float>(total[0]);
}

// One block per tensor.
__global__ void __launch_bounds__(foreach_threads)
    foreach_norms_kernel(const ForeachTensor* tensors, const float* squares, float* norms) {
  const ForeachTensor tensor = tensors[blockIdx.x];
  const std::int64_t chunks = (tensor.size + foreach_chunk_size - 1) / foreach_chunk_size;
  double total[1] = {0};
  for (std::int64_t c = threadIdx.x; c < chunks; c += foreach_threads) {
    total[0] += squares[tensor.first_chunk + c];
  }
  block_sum<foreach_threads>(total);
  if (threadIdx.x == 0) norms[blockIdx.x] = static_cast<float>(sqrt(total[0]));
}

// One block.
__global__ void __launch_bounds__(foreach_threads)
    norm_of_norms_kernel(std::int64_t count, const float* norms, ForeachResult* result) {
  double total[1] = {0};
  for (std::int64_t i = threadIdx.x; i < count; i += foreach_threads) {
    const double norm = norms[i];
    total[0] += norm * norm;
  }
  block_sum<foreach_threads>(total);
  if (threadIdx.x == 0) result->norm = static_cast<float>(sqrt(total[0]));
}

// One thread each.
__global__ void norm_of_square_kernel(const float* square, ForeachResult* result) {
  result->norm = sqrt(*square);
}
__global__ void clip_coefficient_kernel(float threshold, ForeachResult* result) {
  const float norm = result->norm;
  const bool finite = isfinite(norm);
  result->coefficient = finite && norm > threshold ? threshold / norm : 1.F;
  result->skipped = finite ? 0.F : 1.F;
}

// One block per chunk.
__global__ void __launch_bounds__(foreach_threads)
    foreach_scale_kernel(const ForeachTensor* tensors, const ForeachChunk* chunks,
                         const ForeachResult* result) {
  const ForeachChunk chunk = chunks[blockIdx.x];
  const float coefficient = result->coefficient;
  for_each_in_chunk<true>(tensors[chunk.tensor], chunk.chunk, [=](float& x) { x *= coefficient; });
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
