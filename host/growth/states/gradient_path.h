#pragma once

#include <vector>

#include "host/growth/study/spec.h"
#include "host/providers/provider.h"

/// The gradient's way back, halfway between states as well: is it the slopes that make it vanish or
/// explode, or the weights?
namespace gradepth::growth {

/// ln norms, over the batch. Element d of `between` lies between the states of depth d and d + 1:
/// behind the slopes of that map, before its weights, dL/da of all gates. In preact nets, h' = h +
/// W f(h) + b, the weights come first: behind Wᵀ. An additive net has no slopes: dL/df once more,
/// as clipped.
struct GradientPath {
  std::vector<double> states{};   // [L+1], by depth
  std::vector<double> between{};  // [L]
};

/// `between` from what the plan recorded: by the kernel that took da (da_norm2) where its square is
/// in range, else from da itself.
[[nodiscard]] std::vector<double> ln_between(const GrowthSpec& spec, Plan& plan,
                                             const Tensors& drawn);

}  // namespace gradepth::growth
