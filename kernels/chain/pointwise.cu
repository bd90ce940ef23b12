#include "kernels/chain/pointwise.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

std::int64_t step_blocks(std::int64_t n) { return divide_up(n, step_block_size); }

void map_forward(std::string_view act, const MapForward& map, const StreamRef& stream) {
  const std::int64_t width = map.units * map.pixels;
  if (map.rows == 0 || width == 0) return;
  const dim3 grid(as_blocks(map.rows), as_blocks(divide_up(width, block_threads)));
  with_activation(act, [&](auto f) {
    launch(map_forward_kernel<decltype(f)>, grid, dim3(block_threads), 0, stream, map);
  });
}

void map_backward(std::string_view act, const MapBackward& map, const StreamRef& stream) {
  if (map.n == 0) return;
  with_activation(act, [&](auto f) {
    launch(map_backward_kernel<decltype(f)>, dim3(as_blocks(step_blocks(map.n))),
           dim3(block_threads), 0, stream, map);
  });
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
