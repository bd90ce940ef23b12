#pragma once

#include <cstdint>

namespace gradepth {

/// Turns a standard Gaussian matrix R [n, n], row-major, into the normalised positive definite
/// W = (A + I) / λ_max(A + I), A = Rᵀ R / n, of the np-RNN (Talathi & Vartak 2015, 1511.03771): one
/// eigenvalue is 1, all others lie between 0 and 1.
void normalise_positive_definite(double* R, std::int64_t n);

}  // namespace gradepth
