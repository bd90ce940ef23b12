#include "kernels/activation_pass.cuh"
#include "kernels/reduce.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

void activation_forward(std::string_view act, std::int64_t n, const float* x, float* y,
                        const StreamRef& stream) {
  if (n == 0) return;
  with_activation(act, [&](auto f) {
    using Act = decltype(f);
    const dim3 block(block_threads);
    if (aligned_for_packs(x, y)) {
      launch(activation_forward_kernel<Act, 4>, dim3(blocks_for(divide_up(n, 4))), block, 0, stream,
             n, x, y);
    } else {
      launch(activation_forward_kernel<Act, 1>, dim3(blocks_for(n)), block, 0, stream, n, x, y);
    }
  });
}

void activation_backward(std::string_view act, std::int64_t n, const float* x, const float* y,
                         const float* dy, float* dx, const StreamRef& stream) {
  if (n == 0) return;
  with_activation(act, [&](auto f) {
    using Act = decltype(f);
    const dim3 block(block_threads);
    if (aligned_for_packs(Act::from_output ? y : x, dy, dx)) {
      launch(activation_backward_kernel<Act, 4>, dim3(blocks_for(divide_up(n, 4))), block, 0,
             stream, n, x, y, dy, dx);
    } else {
      launch(activation_backward_kernel<Act, 1>, dim3(blocks_for(n)), block, 0, stream, n, x, y, dy,
             dx);
    }
  });
}

void activation_backward_bias(std::string_view act, std::int64_t rows, std::int64_t cols,
                              const float* x, const float* y, const float* dy, float* dx, float* db,
                              double* partials, const StreamRef& stream) {
  if (cols == 0) return;
  const std::int64_t parts = column_sum_parts(rows);
  with_activation(act, [&](auto f) {
    using Act = decltype(f);
    const dim3 block(column_lanes, row_lanes);
    const auto grid = [&](std::int64_t width) {
      return dim3(as_blocks(parts), as_blocks(divide_up(cols, column_lanes * width)));
    };
    if (cols % 4 == 0 && aligned_for_packs(Act::from_output ? y : x, dy, dx)) {
      launch(activation_backward_bias_kernel<Act, 4>, grid(4), block, 0, stream, rows, parts, cols,
             x, y, dy, dx, partials);
    } else {
      launch(activation_backward_bias_kernel<Act, 1>, grid(1), block, 0, stream, rows, parts, cols,
             x, y, dy, dx, partials);
    }
  });
  sum_parts(1, parts, cols, partials, db, stream);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
