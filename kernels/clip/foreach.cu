#include "kernels/clip/foreach.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

ForeachList make_foreach_list(float* data, std::span<const std::int64_t> sizes) {
  ForeachList list;
  for (const std::int64_t size : sizes) {
    if (size == 0) continue;
    const auto tensor = static_cast<std::int64_t>(list.tensors.size());
    list.tensors.push_back({data, size, static_cast<std::int64_t>(list.chunks.size())});
    for (std::int64_t c = 0; c < divide_up(size, foreach_chunk_size); ++c) {
      list.chunks.push_back({tensor, c});
    }
    data += size;
  }
  return list;
}

void foreach_squares(const ForeachTensor* tensors, const ForeachChunk* chunks, std::int64_t count,
                     float* squares, const StreamRef& stream) {
  if (count == 0) return;
  launch(foreach_squares_kernel, dim3(as_blocks(count)), dim3(foreach_threads), 0, stream, tensors,
         chunks, squares);
}

void foreach_norms(const ForeachTensor* tensors, std::int64_t count, const float* squares,
                   float* norms, const StreamRef& stream) {
  if (count == 0) return;
  launch(foreach_norms_kernel, dim3(as_blocks(count)), dim3(foreach_threads), 0, stream, tensors,
         squares, norms);
}

void norm_of_norms(std::int64_t count, const float* norms, ForeachResult* result,
                   const StreamRef& stream) {
  launch(norm_of_norms_kernel, dim3(1), dim3(foreach_threads), 0, stream, count, norms, result);
}

void norm_of_square(const float* square, ForeachResult* result, const StreamRef& stream) {
  launch(norm_of_square_kernel, dim3(1), dim3(1), 0, stream, square, result);
}

void clip_coefficient(float threshold, ForeachResult* result, const StreamRef& stream) {
  launch(clip_coefficient_kernel, dim3(1), dim3(1), 0, stream, threshold, result);
}

void foreach_scale(const ForeachTensor* tensors, const ForeachChunk* chunks, std::int64_t count,
                   const ForeachResult* result, const StreamRef& stream) {
  if (count == 0) return;
  launch(foreach_scale_kernel, dim3(as_blocks(count)), dim3(foreach_threads), 0, stream, tensors,
         chunks, result);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
