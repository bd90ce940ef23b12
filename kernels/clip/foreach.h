#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/platform.h"

/// Clipping by global norm in the passes that PyTorch's clip_grad_norm_(foreach=True) launches, as
/// a baseline: sums of squares of chunks of 65536 numbers by 512 threads; the norm of each tensor
/// from those; the norm of the norms; the clamped coefficient; and the product of every number with
/// it, whether it clips or not. Sums within a chunk are f32, as there.
///
/// What differs: all chunks are one launch each (PyTorch hands at most some hundred to a launch);
/// no 1e-6 is added to the norm; a norm that is not finite leaves the coefficient at 1.
namespace gradepth::inline GRADEPTH_PLATFORM {

inline constexpr std::int64_t foreach_chunk_size = 65536;

/// One tensor in device memory, and where its chunks' sums begin.
struct ForeachTensor {
  float* data;
  std::int64_t size;
  std::int64_t first_chunk;
};
/// One chunk: its tensor's place in the list, and which chunk of it.
struct ForeachChunk {
  std::int64_t tensor;
  std::int64_t chunk;
};
/// The list as the kernels read it, without empty tensors; both parts go to device memory.
struct ForeachList {
  std::vector<ForeachTensor> tensors;
  std::vector<ForeachChunk> chunks;
};
ForeachList make_foreach_list(float* data, std::span<const std::int64_t> sizes);

/// What the coefficient's pass found, in device memory.
struct ForeachResult {
  float norm;
  float coefficient;  // min(1, threshold / norm); 1 if the norm is not finite
  float skipped;      // 1 if the norm is not finite
};

/// squares[c] = Σ x² over chunk c, f32.
void foreach_squares(const ForeachTensor* tensors, const ForeachChunk* chunks, std::int64_t count,
                     float* squares, const StreamRef& stream);
/// norms[t] = √Σ of its chunks' squares.
void foreach_norms(const ForeachTensor* tensors, std::int64_t count, const float* squares,
                   float* norms, const StreamRef& stream);
/// result.norm = √Σ norms²; 0 of none.
void norm_of_norms(std::int64_t count, const float* norms, ForeachResult* result,
                   const StreamRef& stream);
/// result.norm = √square
void norm_of_square(const float* square, ForeachResult* result, const StreamRef& stream);
/// coefficient and skipped from the norm.
void clip_coefficient(float threshold, ForeachResult* result, const StreamRef& stream);
/// Every number times the coefficient.
void foreach_scale(const ForeachTensor* tensors, const ForeachChunk* chunks, std::int64_t count,
                   const ForeachResult* result, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
