#pragma once

#include <cstddef>
#include <span>

/// Eigenvalues of one weight matrix, and roots, which are eigenvalues too.
namespace gradepth::growth {

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

}  // namespace gradepth::growth
