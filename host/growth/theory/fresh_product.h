#pragma once

#include <optional>

#include "host/growth/study/spec.h"
#include "host/growth/theory/result.h"

/// Products of fresh Gaussian matrices at finite width, dense or sparse: exact where W is dense.
/// None for other nets.
namespace gradepth::growth {

/// One vector through fresh Gaussian matrices: ln|Wᵀv|² is ln(σ_w²/N) plus a log-chi-square of N.
std::optional<Theory> gaussian_product(const GrowthSpec& spec);

/// A ReLU lets K of N units through, each a fair coin, and the gradient's direction is uniform at
/// every map: |g|² is multiplied by σ_w²/N and a chi-square of K, where K >= 1.
std::optional<Theory> finite_width_relu(const GrowthSpec& spec);

/// Of the squared ratio over L maps. One Gaussian map multiplies the square by σ_w² χ²_N / N, of
/// second moment σ_w⁴ (1 + 2/N). Behind a ReLU, a fair coin for each of the N squares that add up,
/// (N + 5) / N in all (Hanin & Nica 2018): the direction of the vector is uniform at every map.
std::optional<RatioMoments> ratio_moments(const GrowthSpec& spec);

/// Whether W is so sparse that few units carry the gradient, at pre-activation variance q: its
/// logarithm is skewed then, and no theory holds. True of structured W, whatever its density.
bool is_carried_by_few(const GrowthSpec& spec, double q);

}  // namespace gradepth::growth
