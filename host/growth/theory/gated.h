#pragma once

#include <optional>

#include "host/growth/study/spec.h"
#include "host/growth/theory/result.h"

namespace gradepth::growth {

/// Mean field of a GRU with Gaussian weights, fresh at every step, and no input: with q = |h|²/N
/// and every pre-activation Gaussian,
///   q' = E(1-z)² E n² + q E z²,       n = tanh(b_n + r m),  m = W_n h + b_m
///   |dL/dh|² ← χ |dL/dh'|²,
///   χ = E z² + σ_w² [ (q + E n²) E σ'(a_z)² + E(1-z)² (E r² tanh'² + E m² σ'(a_r)² tanh'²) ]
/// Gilboa et al. 2019 (1901.08987) have it for gates in general. With one W the gates of a state
/// that hardly moves stay what they are: a unit's z² are multiplied, not averaged, and that theory
/// is off by a third (gain 1, input 1: -0.30 per step for -0.21 measured). An input would correlate
/// the gates, since it is added to all three.
///
/// An LSTM has none: its h is o tanh(c), so that the distribution of c decides, which is not
/// Gaussian (c is multiplied by a random f at every step), where a GRU needs the second moment of h
/// alone.
std::optional<Theory> gru_theory(const GrowthSpec& spec);

}  // namespace gradepth::growth
