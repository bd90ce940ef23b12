#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/platform.h"

/// What of CUB clips a gradient that lies in one piece.
namespace gradepth::cudnn {

/// Bytes of workspace that sum_of_squares needs for n numbers.
std::size_t sum_of_squares_bytes(std::int64_t n);
/// sum = Σ x², f32, by DeviceReduce::TransformReduce.
void sum_of_squares(void* workspace, std::size_t bytes, const float* x, std::int64_t n, float* sum,
                    StreamRef stream);
/// Each number to [-limit, limit] in place, NaN kept, by DeviceTransform::Transform.
void clamp_all(float* x, std::int64_t n, float limit, StreamRef stream);

}  // namespace gradepth::cudnn
