#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"
#include "host/providers/provider.h"

namespace gradepth::growth {

/// Norms of the loss gradient at the weights.
struct WeightGradient {
  // One W for all steps: dL/dW is a sum of one contribution per step.
  std::vector<double> by_lag{};     // [L], norm of the contribution of step L - k
  std::vector<double> ln_by_lag{};  // its ln, which does not leave float64's range
  double sum = 0;                   // norm of the whole; NaN when the weights are untied
  double sum_squared_mean = 0;      // its square, of which over_seeds takes the mean
  double cancellation = 0;          // sum / Σ by_lag, 1 when all point one way; NaN when untied
  std::vector<std::size_t> cosine_lags{};  // the lags that are compared
  std::vector<double> cosine{};  // between those contributions, row by row; NaN where one is 0
  // A W for each map: norm of dL/dW_l, l = 1 … L.
  std::vector<double> by_layer{};
};

/// Lags whose contributions are compared: all up to this depth, else so many evenly spaced ones.
inline constexpr std::size_t all_lags_depth = 64;
inline constexpr std::size_t sketched_lags = 32;
/// With more than this many lags times samples there are no cosines.
inline constexpr std::size_t cosine_rows = 1024;

/// The lags that a net of depth L compares, ascending from 0 to L - 1.
std::vector<std::size_t> cosine_lags(std::size_t L);

/// From what the plan recorded and, for gru, the drawn tensors: its reset gate, which enters the
/// gradient of W_n, is computed again from them.
///
/// The contribution of one step is the matrix da_tᵀ h_{t-1} summed over the batch
/// (contributions.h); that of an additive net's scalar w a number.
WeightGradient weight_gradient(const GrowthSpec& spec, Plan& plan, const Tensors& drawn,
                               const Tensor& h, const Tensor& dh);

/// Over seeds: medians (NaN if a seed's value is NaN); of the squared norm the mean; of the cosines
/// the mean over the seeds that have one. `seeds` is not empty.
WeightGradient over_seeds(std::span<const WeightGradient> seeds);

/// What theory says about |dL/dW|.
struct WeightTheory {
  std::optional<double> sum;  // in every draw alike; none where it differs
  double sum_squared_mean;    // over draws
  std::string formula;
  std::string source;
};

/// Exact for the scalar linear recurrence h_t = w h_{t-1} + x_t with h_0 = 0; none for other nets.
/// Of an impulse at t = 1: h_T = w^(T-1). Of white x of deviation S, the curse of memory (Zucchetti
/// & Orvieto 2024, 2405.21064): h_T = Σ_k w^k x_{T-k}, so E (dh_T/dw)² = S² Σ_k k² w^(2k-2), k = 0
/// … T - 1, which goes to S² (1 + w²) / (1 - w²)³ though nothing explodes.
std::optional<WeightTheory> weight_theory(const GrowthSpec& spec);

}  // namespace gradepth::growth
