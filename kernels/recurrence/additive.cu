#include "kernels/recurrence/additive.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

std::int64_t additive_blocks(std::int64_t n) { return divide_up(n, block_threads); }

void additive_forward(const Additive& net, const StreamRef& stream) {
  if (net.n == 0) return;
  const dim3 grid(as_blocks(additive_blocks(net.n)));
  const auto kernel = net.sum ? additive_forward_kernel<true> : additive_forward_kernel<false>;
  launch(kernel, grid, dim3(block_threads), 0, stream, net);
}

void additive_backward(const Additive& net, const StreamRef& stream) {
  if (net.n == 0) return;
  const dim3 grid(as_blocks(additive_blocks(net.n)));
  const auto kernel = net.sum ? additive_backward_kernel<true> : additive_backward_kernel<false>;
  launch(kernel, grid, dim3(block_threads), 0, stream, net);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
