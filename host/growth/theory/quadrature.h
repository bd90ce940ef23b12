#pragma once

#include <functional>
#include <span>

#include "kernels/activation/activation.h"

/// Expectations over a Gaussian variable, for the mean-field theory.
namespace gradepth::growth {

/// E[g(s z)], z ~ N(0, 1), by composite Gauss-Legendre quadrature on |z| ≤ 12 (the tails beyond
/// hold 4e-33 of the mass).
///
/// Panels break where g may (`kinks`, in x = s z), at every whole z, and around x = 0 in steps that
/// start at 1 and grow with |x|: activations vary over Δx ~ 1 near 0 and slowly far away. A
/// Gauss-Hermite rule would converge like 1/n across a kink. Error below 1e-12 relative to
/// E|g| for the activations of the list (tests/growth/quadrature_test.cpp).
double gaussian_expectation(const std::function<double(double)>& g, double s,
                            std::span<const double> kinks = {});

/// Second moments of an activation f at pre-activation variance q, x = √q z.
struct Moments {
  double value;      // E f(x)
  double value2;     // E f(x)²
  double slope2;     // E f'(x)²
  double value2_dq;  // d/dq E f(x)² = E[f f' x] / q
};

/// E f(√q z)² alone.
double second_moment(Activation activation, double q);

/// ln E f(√q z)² and E f'(√q z)² at ln q, which may lie beyond the range of q. There an activation
/// is the lines, or constants, that it comes close to.
double ln_second_moment(Activation activation, double ln_q);
double slope_moment(Activation activation, double ln_q);

/// Any q ≥ 0, infinity too; at q = 0 the limits from above (at a kink, the mean of both sides).
Moments moments(Activation activation, double q);

}  // namespace gradepth::growth
