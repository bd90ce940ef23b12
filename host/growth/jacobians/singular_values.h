#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/growth/jacobians/jacobians.h"

namespace gradepth::growth {

/// All singular values are found up to this state size.
inline constexpr std::size_t singular_values_width = 64;

/// ln σ_i of the whole product J_L … J_1, descending: all n up to singular_values_width, above it
/// the largest alone. -infinity from the rank of the product on (a map that squeezes by n ε counts
/// as singular), NaN if a value was not finite.
///
/// All: the QR march gives J_L … J_1 Q_0 = Q_L T with T upper triangular, kept row by row with
/// exponents of its own, and a one-sided Jacobi iteration on T's rows, with their exponents apart,
/// finishes. So small values are as good as large ones, however far apart they lie: forming the
/// product would lose all below ε σ_1. What remains is the condition of the problem itself,
/// a rounding error in each map.
///
/// The largest: blocks of 8 vectors go forward and backward by turns until σ_1 of the block's T
/// stays the same to 1e-10, 100 times at most.
[[nodiscard]] std::vector<double> ln_singular_values(const Jacobians& jacobians,
                                                     std::uint64_t seed);

}  // namespace gradepth::growth
