#pragma once
/// CUDA's built-in variables. The executor sets them before a thread runs. Real objects and not
/// macros, so that they work in templates and stay out of other people's code.
#include "kernels/simt/types.h"

namespace gradepth::inline simt {

inline constexpr int warpSize = 32;

inline constinit thread_local uint3 threadIdx{};
inline constinit thread_local uint3 blockIdx{};
inline constinit thread_local dim3 blockDim{};
inline constinit thread_local dim3 gridDim{};

}  // namespace gradepth::inline simt
