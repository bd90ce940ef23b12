#include "kernels/chain/pointwise.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

template <class Act>
void pointwise_forward(const PointwiseForward& p, const StreamRef& stream) {
  const std::int64_t width = p.units * p.pixels;
  if (p.rows == 0 || width == 0) return;
  const dim3 grid(as_blocks(p.rows), as_blocks(divide_up(width, block_threads)));
  launch(map_forward_kernel<Act>, grid, dim3(block_threads), 0, stream, p);
}

template <class Act>
void pointwise_backward(const PointwiseBackward& p, const StreamRef& stream) {
  if (p.n == 0) return;
  launch(map_backward_kernel<Act>, dim3(as_blocks(step_blocks(p.n))), dim3(block_threads), 0,
         stream, p);
}

}  // namespace

std::int64_t step_blocks(std::int64_t n) { return divide_up(n, step_block_size); }

PointwiseKernels pointwise_kernels(Activation act) {
  PointwiseKernels kernels{};
  with_activation(act, [&](auto f) {
    kernels = {pointwise_forward<decltype(f)>, pointwise_backward<decltype(f)>};
  });
  return kernels;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
