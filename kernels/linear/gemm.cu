#include "kernels/linear/gemm.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

template <int R>
void launch_gemm(const Gemm& p, const StreamRef& stream) {
  const dim3 grid(as_blocks(divide_up(p.m, gemm_lanes * R)), as_blocks(divide_up(p.n, gemm_width)));
  const dim3 block(gemm_lanes, gemm_lanes);
  if (p.transpose_a) {
    if (p.transpose_b) {
      launch(gemm_kernel<true, true, R>, grid, block, 0, stream, p);
    } else {
      launch(gemm_kernel<true, false, R>, grid, block, 0, stream, p);
    }
  } else if (p.transpose_b) {
    launch(gemm_kernel<false, true, R>, grid, block, 0, stream, p);
  } else {
    launch(gemm_kernel<false, false, R>, grid, block, 0, stream, p);
  }
}

}  // namespace

void gemm(const Gemm& product, const StreamRef& stream) {
  if (product.m == 0 || product.n == 0) return;
  // Few rows (a small batch): a flat tile, so that most of it is not padding.
  if (product.m <= gemm_lanes) {
    launch_gemm<1>(product, stream);
  } else {
    launch_gemm<4>(product, stream);
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
