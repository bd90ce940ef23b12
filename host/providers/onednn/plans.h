#pragma once

#include "host/providers/provider.h"

namespace gradepth::onednn {

/// The plans of the onednn provider, or why oneDNN has none.
Planned make_plan(const ActivationProblem& problem, const Context& context);
Planned make_plan(const ClipProblem& problem, const Context& context);
Planned make_plan(const RecurrentProblem& problem, const Context& context);
Planned make_plan(const FeedForwardProblem& problem, const Context& context);

}  // namespace gradepth::onednn
