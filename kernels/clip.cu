#include "kernels/clip.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

std::vector<ClipChunk> make_clip_chunks(std::span<const ClipTensor> tensors) {
  std::vector<ClipChunk> chunks;
  for (const ClipTensor& tensor : tensors) {
    for (std::int64_t at = 0; at < tensor.size; at += clip_chunk_size) {
      chunks.push_back({tensor.data + at, std::min(clip_chunk_size, tensor.size - at)});
    }
  }
  return chunks;
}

void clip_norm(const ClipChunk* chunks, std::int64_t count, double threshold, double* partials,
               ClipResult* result, const StreamRef& stream, std::int64_t most_blocks) {
  const dim3 grid(blocks_for(count, 1, most_blocks));
  const dim3 block(block_threads);
  if (count > 0) launch(clip_squares_kernel, grid, block, 0, stream, chunks, count, partials);
  launch(clip_decide_kernel, dim3(1), block, 0, stream, count, threshold, partials, result);
  if (count > 0) {
    launch(clip_scale_kernel, grid, block, 0, stream, chunks, count,
           static_cast<const ClipResult*>(result));
  }
}

void clip_value(const ClipChunk* chunks, std::int64_t count, double threshold,
                const StreamRef& stream) {
  if (count == 0) return;
  launch(clip_value_kernel, dim3(blocks_for(count, 1)), dim3(block_threads), 0, stream, chunks,
         count, static_cast<float>(threshold));
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
