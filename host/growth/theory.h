#pragma once

#include <optional>
#include <span>
#include <string>

#include "host/growth/spec.h"
#include "host/tensor.h"

/// What theory says about a net's gradient growth.
namespace gradepth::growth {

struct Theory {
  double rate = 0;      // ln-norm per step
  std::string formula;  // of the rate
  std::string source;
  // Mean-field theories only. q and chi are of the fixed point, or of the last map where there is
  // no stable one and q is carried from map to map.
  std::optional<double> q{};
  std::optional<double> chi{};
  std::optional<double> critical_sigma{};  // σ_w with χ = 1 at this noise
  std::optional<double> xi{};              // 1 / |ln χ|
};

/// The first theory of the list in theory.cpp that applies: exact closed forms, then mean field.
/// None where none applies. `scalar_rates` are the seeds' scalar_chain_rate(), for nets of width 1;
/// may be empty.
std::optional<Theory> find_theory(const GrowthSpec& spec, std::span<const double> scalar_rates);

/// Whether the net is a chain of scalars, h' = f(w h + x + b).
bool is_scalar_chain(const GrowthSpec& spec);

/// The chain rule on a scalar chain: least-squares slope (statistics.h) of Σ ln |w_l f'(a_l)| over
/// the drawn tensors of one seed.
double scalar_chain_rate(const GrowthSpec& spec, const Tensors& drawn);

/// ln-norm per step of f₊₁ = w (f + f₋₁): ln of the largest root modulus of r² = w (r + 1).
double two_term_rate(double w);
/// ln-norm per step of f₊₁ = w Σ of all earlier f: ln |1 + w|.
double additive_sum_rate(double w);

}  // namespace gradepth::growth
