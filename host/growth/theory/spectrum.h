#pragma once

#include <cstddef>
#include <span>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

/// Eigenvalues of one weight matrix, and roots, which are eigenvalues too.
namespace gradepth::growth {

/// Eigenvalues and singular values of a shared W are looked up to this width: a second per seed.
inline constexpr std::int64_t facts_width = 512;

/// Up to this width all eigenvalues of a dense matrix are found in a few seconds.
inline constexpr std::size_t spectral_radius_width = 1024;

/// The largest |λ| of W [n, n], row-major: Hessenberg form, then implicit QR steps (Golub & Van
/// Loan, Matrix Computations, 7.5). Accurate to about n ε |W| for a normal W; a defective
/// eigenvalue of multiplicity m moves by (ε |W|)^(1/m), unless W is triangular. NaN if an element
/// is not finite or the steps do not converge. Throws std::invalid_argument if W does not hold n²
/// elements.
[[nodiscard]] double spectral_radius(std::span<const double> W, std::size_t n);

/// The largest |r| of r^K = w (r^(K-1) + … + r + 1), K >= 1: the spectral radius of the companion
/// matrix, which moves K numbers on by one. NaN above
/// `spectral_radius_width`.
[[nodiscard]] double largest_root(double w, std::size_t K);

/// What a chain of one W goes on with in the end. Where f(c x) = c f(x), without bias and input,
/// the state turns into a direction of its own; once its units no longer change sides, every map is
/// D W, D = diag f', and the gradient grows by the spectral radius of that. Of the identity D is 1.
/// A state that goes round and round never settles.
struct ActivePart {
  double ln_radius;  // ln of the spectral radius of D W at the last map
  bool settled;      // whether D was the same over the last third of the maps
};

/// Of sample 0, in float64. ln_radius is NaN for other nets, and above facts_width.
[[nodiscard]] ActivePart active_part(const GrowthSpec& spec, const Tensors& drawn);

}  // namespace gradepth::growth
