#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "host/growth/jacobians/jacobians.h"

namespace gradepth::growth {

enum class Direction : bool { forward, backward };

/// Called after each orthonormalisation: how many maps are behind, R [count, count] (row-major,
/// upper triangular, diagonal > 0), count.
using MarchVisit =
    std::function<void(std::size_t done, std::span<const double> R, std::size_t count)>;

/// Takes an orthonormal block V through all maps, forward J_L … J_1 V or backward J_1ᵀ … J_Lᵀ V,
/// and replaces it by its Q factor again and again: the product of all R and the last Q is the
/// image of V, which itself would leave float64's range.
///
/// R is taken every 1 … 32 maps. Its largest and smallest diagonal element stay within a factor of
/// 1e4, so that the smallest keeps 12 digits: a stretch of maps that spreads them further is gone
/// through again in halves. After `stop` maps R is taken in any case.
///
/// A map that squeezes a vector by n ε, relative to the block (of rows of very different size: to
/// the row), is singular as far as float64 can tell: V loses that vector and those after it, and so
/// does R. Returns false if a value was not finite.
bool qr_march(const Jacobians& jacobians, Direction direction, std::size_t stop,
              std::vector<double>& V, const MarchVisit& visit);

}  // namespace gradepth::growth
