#pragma once

#include "host/providers/provider.h"

namespace gradepth::cpu {

/// The plans of the cpu provider, one per kind of problem, all in float32.
PlanPtr make_plan(const ActivationProblem& problem, const Context& context);
PlanPtr make_plan(const ClipProblem& problem, const Context& context);
PlanPtr make_plan(const RecurrentProblem& problem, const Context& context);
PlanPtr make_plan(const FeedForwardProblem& problem, const Context& context);
/// The additive cell: no matrix, so a plan of its own.
PlanPtr make_additive_plan(const RecurrentProblem& problem, const Context& context);

}  // namespace gradepth::cpu
