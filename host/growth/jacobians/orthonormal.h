#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// Orthonormal blocks of vectors; a block holds vectors of n numbers, one after the other.
namespace gradepth::growth {

/// `count` ≤ n random orthonormal vectors, uniform over all such sets: they depend on the seed
/// alone.
[[nodiscard]] std::vector<double> random_orthonormal(std::size_t n, std::size_t count,
                                                     std::uint64_t seed);

struct Triangle {
  std::vector<double> R;         // [count, count], row-major, upper triangular, its diagonal ≥ 0
  std::vector<double> rounding;  // [count]: below this R_ii may be nothing but rounding errors
};

/// V = Q R by Householder reflections: V becomes Q, orthonormal even where V has dependent vectors.
/// Rows of V may differ in size by more than float64's digits: R_ii is then taken to err by n ε of
/// the i-th largest of them.
Triangle orthonormalise(std::span<double> V, std::size_t n);

}  // namespace gradepth::growth
