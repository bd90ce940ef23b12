#pragma once

#include "host/providers/cudnn/plan.h"

/// The feed-forward nets of the provider `cudnn`.
namespace gradepth::cudnn {

/// mlp and residual nets, and cnn, or why there is no plan.
Planned make_dense_plan(const FeedForwardProblem& problem, const LibraryPtr& library);
Planned make_convolution_plan(const FeedForwardProblem& problem, const LibraryPtr& library);

/// Σ x² of each of `count` states, in float64.
Tensor squared_norms(const Tensor& states, std::int64_t count);

}  // namespace gradepth::cudnn
