#include "kernels/chain/pointwise.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

std::int64_t step_blocks(std::int64_t n) { return divide_up(n, step_block_size); }

void pointwise_forward(Activation act, const PointwiseForward& p, const StreamRef& stream) {
  const std::int64_t width = p.units * p.pixels;
  if (p.rows == 0 || width == 0) return;
  const dim3 grid(as_blocks(p.rows), as_blocks(divide_up(width, block_threads)));
  with_activation(act, [&](auto f) {
    launch(map_forward_kernel<decltype(f)>, grid, dim3(block_threads), 0, stream, p);
  });
}

void pointwise_backward(Activation act, const PointwiseBackward& p, const StreamRef& stream) {
  if (p.n == 0) return;
  with_activation(act, [&](auto f) {
    launch(map_backward_kernel<decltype(f)>, dim3(as_blocks(step_blocks(p.n))), dim3(block_threads),
           0, stream, p);
  });
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
