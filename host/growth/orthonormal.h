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

/// V = Q R by Householder reflections: V becomes Q. Returns R [count, count], row-major, upper
/// triangular, its diagonal ≥ 0. Q is orthonormal even where V has dependent vectors.
std::vector<double> orthonormalise(std::span<double> V, std::size_t n);

}  // namespace gradepth::growth
