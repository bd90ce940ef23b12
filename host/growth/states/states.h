#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "host/growth/study/spec.h"
#include "host/problem/dtype.h"
#include "host/problem/tensor.h"

/// What the recorded states and gradients of one run show, map by map.
namespace gradepth::growth {

/// ln of the Euclidean norm, scaled by the largest element so that nothing over- or underflows on
/// the way; -infinity for a zero vector, +infinity if an element is not finite.
double ln_norm(std::span<const double> x);
/// ln √(e^2a + e^2b): the norm of a pair of vectors with these ln norms.
double ln_norm_of_pair(double a, double b);

/// ln |x_{L-d}|, d = 0 … L, of states or gradients x [L+1, …]; of the pair (x, of_c) if there is an
/// of_c.
std::vector<double> ln_norms(const Tensor& x, const Tensor& of_c);

/// Where the gradient's norms were taken.
enum class NormsFrom : std::uint8_t {
  recorded,  // from the recorded gradients
  kernel,    // by what computed them, in the training step: the plan's dh_norm2
  both,      // by the kernel but where a square leaves float64
};
std::string_view name(NormsFrom from);

struct StepNorms {
  std::vector<double> ln;  // by depth 0 … L
  NormsFrom from = NormsFrom::recorded;
};
/// From dh and dc as in ln_norms, and the plan's dh_norm2 [L+1]; that one is empty where the
/// provider does not measure.
StepNorms step_norms(const Tensor& dh, const Tensor& dc, const Tensor& dh_norm2);

/// Shares of elements, 0 … 1.
struct Fractions {
  double zero = 0;
  double subnormal = 0;
  double nonfinite = 0;
};
Fractions fractions(std::span<const double> x, Dtype dtype);

/// Slice i of t along its first dimension.
std::span<const double> slice(const Tensor& t, std::size_t i);

/// Share of elements with |f'(a)| < 0.01, by depth d = 1 … L in map L - d + 1; NaN at d = 0 and
/// where it is not defined (cells with several gates, additive nets, no gradient to judge by).
///
/// h, dh [L+1, …] and da [L, …] as a provider records them. f' comes from h where the output
/// determines it (pre-activations are not recorded), from h_{l-1} in preact nets, and
/// else from da / dh; there, elements whose 0.01 dh would be subnormal are left out.
std::vector<double> saturated(const GrowthSpec& spec, const Tensor& h, const Tensor& dh,
                              const Tensor& da);

}  // namespace gradepth::growth
