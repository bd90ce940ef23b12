#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// Sums that are bitwise equal from run to run: every addition has its place, given by the shape
/// alone. Each block writes a partial sum; a second pass adds the partial sums in a fixed order. No
/// atomics. All sums are float64.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// totals[r] = Σ_k partials[r, k].
///   partials [rows, cols], totals [rows]
void sum_rows(std::int64_t rows, std::int64_t cols, const double* partials, double* totals,
              const StreamRef& stream);

/// Rows are summed in this many parts, then the parts.
std::int64_t column_sum_parts(std::int64_t rows);

/// sums[g, c] = Σ_r x[g, r, c]: the bias gradient of a dense layer.
///   x [groups, rows, cols], sums [groups, cols],
///   partials [groups, column_sum_parts(rows), cols]: workspace
void column_sums(std::int64_t groups, std::int64_t rows, std::int64_t cols, const float* x,
                 float* sums, double* partials, const StreamRef& stream);

/// sums[g, c] = Σ_{r, p} x[g, r, c, p]: the bias gradient of a convolution.
///   x [groups, rows, channels, pixels], sums [groups, channels]
void channel_sums(std::int64_t groups, std::int64_t rows, std::int64_t channels,
                  std::int64_t pixels, const float* x, float* sums, const StreamRef& stream);

/// sums[g, c] = Σ_p partials[g, p, c], the second pass of column_sums.
///   partials [groups, parts, cols], sums [groups, cols]
void sum_parts(std::int64_t groups, std::int64_t parts, std::int64_t cols, const double* partials,
               float* sums, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
