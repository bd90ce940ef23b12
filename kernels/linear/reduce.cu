#include "kernels/linear/reduce.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

void sum_rows(std::int64_t rows, std::int64_t cols, const double* partials, double* totals,
              const StreamRef& stream) {
  if (rows == 0) return;
  launch(sum_rows_kernel, dim3(as_blocks(rows)), dim3(reduce_threads), 0, stream, cols, partials,
         totals);
}

std::int64_t column_sum_parts(std::int64_t rows) {
  // Parts of at least 64 rows, 256 of them at most: enough blocks for a narrow matrix, and a second
  // pass that stays small.
  return std::clamp<std::int64_t>(rows / 64, 1, 256);
}

void column_sums(std::int64_t groups, std::int64_t rows, std::int64_t cols, const float* x,
                 float* sums, double* partials, const StreamRef& stream) {
  if (groups == 0 || cols == 0) return;
  const std::int64_t parts = column_sum_parts(rows);
  launch(column_parts_kernel,
         dim3(as_blocks(groups * parts), as_blocks(divide_up(cols, column_lanes))),
         dim3(column_lanes, row_lanes), 0, stream, rows, parts, cols, x, partials);
  sum_parts(groups, parts, cols, partials, sums, stream);
}

void sum_parts(std::int64_t groups, std::int64_t parts, std::int64_t cols, const double* partials,
               float* sums, const StreamRef& stream) {
  if (groups == 0 || cols == 0) return;
  launch(sum_parts_kernel, dim3(as_blocks(groups), as_blocks(divide_up(cols, column_lanes))),
         dim3(column_lanes, row_lanes), 0, stream, parts, cols, partials, sums);
}

void channel_sums(std::int64_t groups, std::int64_t rows, std::int64_t channels,
                  std::int64_t pixels, const float* x, float* sums, const StreamRef& stream) {
  if (groups == 0 || channels == 0) return;
  launch(channel_sums_kernel, dim3(as_blocks(groups * channels)), dim3(reduce_threads), 0, stream,
         rows, channels, pixels, x, sums);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
