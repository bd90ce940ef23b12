#pragma once

#include <optional>

#include "host/growth/study/spec.h"
#include "host/problem/problem.h"

/// What a spec comes to: its problem, and numbers in place of what it leaves to theory.
namespace gradepth::growth {

/// The problem that a provider is asked for: a training pass with everything recorded, inputs that
/// reach the pre-activation as they are. std::invalid_argument, in one line that names the flag,
/// for what does not fit together.
[[nodiscard]] Problem make_problem(const GrowthSpec& spec);

/// How W is drawn: `saxe` as the orthogonal init that it is for this net, at the gain that gives
/// the map f(W h + b) χ = 1 (tanh without bias 1, ReLU √2); all others as they are.
/// std::invalid_argument where there is no such gain.
[[nodiscard]] WeightInit resolve_weights(const GrowthSpec& spec);

/// N · Var of the weights as seen by mean-field theory (σ_w²); none where the weights are not
/// random (identity, constant, np, file).
[[nodiscard]] std::optional<double> sigma_w2(const GrowthSpec& spec);

/// The initialisation to draw with: `saxe` with its gain, `h0_fixed_point` as a length of h0.
/// std::invalid_argument where there is no critical gain or no stable fixed point.
[[nodiscard]] Initialisation resolve(const GrowthSpec& spec);

}  // namespace gradepth::growth
