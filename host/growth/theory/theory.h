#pragma once

#include <optional>
#include <span>

#include "host/growth/study/spec.h"
#include "host/growth/theory/result.h"
#include "host/problem/tensor.h"

/// What theory says about a net's gradient growth.
namespace gradepth::growth {

/// What theory takes from one seed's drawn numbers; NaN where it has no use for it or the net is
/// too wide.
struct DrawnFacts {
  double scalar_rate;  // scalar_chain_rate() of a net of width 1
  double ln_radius;    // ln of the spectral radius of a shared W, where f is linear at 0
  double sigma_max;    // largest singular value of a shared W
};

DrawnFacts drawn_facts(const GrowthSpec& spec, const Tensors& drawn);

/// The first theory of the list in theory.cpp that applies: exact closed forms, then the measured
/// spectral radius, then mean field. None where none applies. `seeds` may be empty: then there is
/// nothing of what is measured on the drawn numbers.
std::optional<Theory> find_theory(const GrowthSpec& spec, std::span<const DrawnFacts> seeds);

/// The same for the whole way from the first map on, where theory needs no drawn numbers: without
/// what holds only in the end, as the largest root of an additive net and a net that rests at 0.
std::optional<Theory> find_way_theory(const GrowthSpec& spec);

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
