#pragma once

#include <cstdint>

namespace gradepth {

/// Turns a Gaussian matrix A [n, n], row-major, into Q of A = Q R, with the signs of R's diagonal
/// taken out: uniform over the orthogonal group (Mezzadri 2007).
void orthogonalise(double* A, std::int64_t n);

}  // namespace gradepth
