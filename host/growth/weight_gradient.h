#pragma once

#include <span>
#include <vector>

#include "host/growth/spec.h"
#include "host/provider.h"
#include "host/tensor.h"

namespace gradepth::growth {

/// Norms of the loss gradient at the weights.
struct WeightGradient {
  // One W for all steps: dL/dW is a sum of one contribution per step.
  std::vector<double> by_lag;  // [L], norm of the contribution of step L - k
  double sum = 0;              // norm of the whole; NaN when the weights are untied
  double cancellation = 0;     // sum / Σ by_lag, 1 when all point one way; NaN when untied
  // A W for each map: norm of dL/dW_l, l = 1 … L.
  std::vector<double> by_layer;
};

/// From what the plan recorded and, for gru, the drawn tensors: its reset gate, which enters the
/// gradient of W_n, is computed again from them.
///
/// The contribution of one step is the matrix da_tᵀ h_{t-1} summed over the batch; its Frobenius
/// norm is taken without forming it: |Σ_n da_n h_nᵀ|² = Σ_nm (da_n·da_m)(h_n·h_m).
WeightGradient weight_gradient(const GrowthSpec& spec, Plan& plan, const Tensors& drawn,
                               const Tensor& h, const Tensor& dh);

/// Frobenius norm of Σ_n a_n b_nᵀ, a [batch, I], b [batch, J]; NaN if an element is not finite.
double outer_product_norm(std::span<const double> a, std::span<const double> b, std::size_t batch);

}  // namespace gradepth::growth
