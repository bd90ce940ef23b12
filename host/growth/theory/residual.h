#pragma once

#include <cstdint>
#include <optional>

#include "host/growth/study/spec.h"
#include "host/growth/theory/result.h"

namespace gradepth::growth {

/// Theory of residual nets with random weights; none where it could not be derived.
///
///   preact  h' = h + W f(h) + b: W is independent of f(h), so q_{l+1} = q_l + σ_w² E f² + σ_b² and
///           the squared gradient norm grows by 1 + σ_w² E f'(√q_l z)².
///   plain, scaled with odd f, h' = h + A f(W h + b): h and f(a) are uncorrelated; the same with
///           q_a = σ_w² q + σ_b², A² E f², 1 + A² σ_w² E f'².
///   plain, scaled with any other f: f has a mean, so h gains a mean and grows faster, and forward
///           and backward are correlated. residual.cpp gives the derivation.
std::optional<Theory> residual_theory(const GrowthSpec& spec);

/// The growth factor λ per map of |h| in h' = h + A f(W h), f(x) = x for x > 0, α x below:
///   λ² = 1 + s (1 + α²)/2 + s (1 - α)² / (π (λ - 1)),  s = A² σ_w².
///
/// With q = |h|²/N and m = mean of h: E f(a) = (1 - α) √(s q / 2π) =: k √q, hence m' = m + k √q and
/// q' = q + 2 k m √q + s (1 + α²) q / 2; on the growing solution m = k √q / (λ - 1).
double homogeneous_residual_factor(double s, double alpha);

/// The term of order 1/N, times N, in the rate per map of h' = h + W max(h, 0), W [N, N] fresh and
/// Gaussian, `history` maps from the start: rate = 1/2 ln(1 + χ) + term/N, χ = σ_w²/2.
///
/// J and its transpose grow alike in the end, so it is taken forward, where W is independent of
/// what it multiplies: v' = v + W D v, D = [h > 0]. With ω = |Dv|²/|v|² and r = 1 + χ
///   |v'|²/|v|² = 1 + 2χω + noise of variance (4χ + 2χ²)/N,  Var ω = 3/(4N),  E ω = 1/2 + shift/N.
/// Units (h, v) are Gaussian and alike, but for what they did themselves to the variances that
/// later maps add: 2χ |f|²/N, 2χ |Dv|²/N and, between the two, 2χ f·v/N, f = max(h, 0). To first
/// order in these deviations, each of which grows by r per map as the state does,
///   shift = χ/(πr) Σ_k [√(q_k (1 - q_k)) - 2 q_k asin √q_k],  q_k = r^-k, k = 1, 2, … maps back.
double preact_relu_width_term(double chi, std::int64_t history);

}  // namespace gradepth::growth
