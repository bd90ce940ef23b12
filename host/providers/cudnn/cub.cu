#include <cub/device/device_reduce.cuh>
#include <cub/device/device_transform.cuh>
#include <cuda/std/functional>

#include "host/providers/cudnn/cub.h"
#include "kernels/clip/value.h"

namespace gradepth::cudnn {
namespace {

struct Square {
  __device__ float operator()(float x) const { return x * x; }
};
struct Clamp {
  float limit;
  __device__ float operator()(float x) const { return clipped(x, limit); }
};

/// workspace = nullptr: only asks for `bytes`.
void reduce(void* workspace, std::size_t& bytes, const float* x, std::int64_t n, float* sum,
            StreamRef stream) {
  detail::check(
      cub::DeviceReduce::TransformReduce(workspace, bytes, x, sum, n, ::cuda::std::plus<>{},
                                         Square{}, 0.F, stream.handle),
      "CUB's reduction");
}

}  // namespace

std::size_t sum_of_squares_bytes(std::int64_t n) {
  std::size_t bytes = 0;
  reduce(nullptr, bytes, nullptr, n, nullptr, {});
  return bytes;
}

void sum_of_squares(void* workspace, std::size_t bytes, const float* x, std::int64_t n, float* sum,
                    StreamRef stream) {
  reduce(workspace, bytes, x, n, sum, stream);
}

void clamp_all(float* x, std::int64_t n, float limit, StreamRef stream) {
  if (n == 0) return;
  detail::check(cub::DeviceTransform::Transform(x, x, n, Clamp{limit}, stream.handle),
                "CUB's transform");
}

}  // namespace gradepth::cudnn
