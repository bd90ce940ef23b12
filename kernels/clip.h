#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/platform.h"

/// Clips a list of tensors of any size in place (Pascanu et al. 2013). The norm never visits the
/// host: the decision is taken on the device.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// One tensor of the list, in device memory.
struct ClipTensor {
  float* data;
  std::int64_t size;
};

/// A piece of one tensor. The list of pieces is flat, so that thousands of small tensors and one
/// large one cost the same. Its address modulo 16 decides the order of its sum, nothing else does.
struct ClipChunk {
  float* data;
  std::int64_t size;  // 1 … clip_chunk_size
};
inline constexpr std::int64_t clip_chunk_size = 16384;

/// Cuts the tensors into chunks; empty tensors have none.
std::vector<ClipChunk> make_clip_chunks(std::span<const ClipTensor> tensors);

/// What clip_norm found, in device memory.
struct ClipResult {
  double norm;     // |g| over all tensors, before clipping
  double scale;    // threshold / norm if the norm was larger, else 1
  double skipped;  // 1 if the norm is not finite: the tensors stay as they are
};

/// g · min(1, threshold / |g|), |g| over all tensors together. Squares of fp32 numbers and their
/// sum neither over- nor underflow in float64.
///   chunks [count], in device memory; partials [count]: workspace; result [1]
///   most_blocks: of one launch; the result does not depend on it
void clip_norm(const ClipChunk* chunks, std::int64_t count, double threshold, double* partials,
               ClipResult* result, const StreamRef& stream, std::int64_t most_blocks = 4096);

/// Each element to [-threshold, threshold]; NaN stays NaN.   chunks [count], in device memory
void clip_value(const ClipChunk* chunks, std::int64_t count, double threshold,
                const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
