#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/platform.h"

/// Every activation of kernels/activation.h, forward and backward, over arrays in device memory.
/// Arrays that start on 16-byte addresses are read and written 16 bytes at a time.
/// std::invalid_argument for an unknown activation.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// y = f(x).   x, y [n]; y may be x.
void activation_forward(std::string_view act, std::int64_t n, const float* x, float* y,
                        const StreamRef& stream);

/// dx = dy · f'.   x, y = f(x), dy, dx [n]; dx may be dy.
/// The slope comes from y where Act::from_output says so, and from x elsewhere: the other one is
/// not read and may be null.
void activation_backward(std::string_view act, std::int64_t n, const float* x, const float* y,
                         const float* dy, float* dx, const StreamRef& stream);

/// dx = dy · f' and db[c] = Σ_r dx[r, c], in one pass over the matrix.
///   x, y, dy, dx [rows, cols], db [cols],
///   partials [column_sum_parts(rows), cols]: workspace (kernels/reduce.h)
void activation_backward_bias(std::string_view act, std::int64_t rows, std::int64_t cols,
                              const float* x, const float* y, const float* dy, float* dx, float* db,
                              double* partials, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
