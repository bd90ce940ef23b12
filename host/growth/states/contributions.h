#pragma once

#include <cstddef>
#include <span>
#include <vector>

/// A shared W gets one contribution to dL/dW from each step. They are compared without being
/// formed.
namespace gradepth::growth {

/// One step's contribution, the matrix Σ_n a_n b_nᵀ over the batch, as its factors.
struct Contribution {
  std::vector<double> a;  // [B, I], the gradient at the pre-activations
  std::vector<double> b;  // [B, J], what W multiplied
};

/// ln of the Frobenius norm: |Σ_n a_n b_nᵀ|² = Σ_nm (a_n·a_m)(b_n·b_m). Each factor is scaled by
/// its largest element first, so that nothing leaves float64's range. -infinity for 0, NaN if an
/// element is not finite.
double ln_norm(const Contribution& step, std::size_t batch);

/// Cosines [S, S] between the S contributions, row by row, by
///   <Σ_n a_n b_nᵀ, Σ_m a'_m b'_mᵀ> = Σ_nm (a_n·a'_m)(b_n·b'_m),
/// for one sample the elementwise product of two Gram matrices. NaN where one of the two is 0 or
/// not finite. Takes memory for (S · batch)² numbers.
std::vector<double> cosines(std::span<const Contribution> steps, std::size_t batch);

/// Of contributions that are numbers (a scalar w): 1, -1, or NaN. [S, S]
std::vector<double> cosines(std::span<const double> steps);

}  // namespace gradepth::growth
