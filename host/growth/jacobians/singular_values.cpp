#include "host/growth/jacobians/singular_values.h"

#include <algorithm>
#include <cmath>

#include "host/growth/jacobians/orthonormal.h"
#include "host/growth/jacobians/qr_march.h"
#include "host/growth/jacobians/scaled_triangle.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

/// The block's vectors mixed by a random rotation of their own space. A block that came out of a
/// march is ordered by the whole product; a part of the product may order it otherwise, and then
/// the first vectors would be small in the middle of the way back, the others large. No vector of a
/// mixed block is.
std::vector<double> mixed(const std::vector<double>& V, std::size_t n, std::uint64_t seed) {
  const std::size_t count = V.size() / n;
  const std::vector<double> rotation = random_orthonormal(count, count, seed);
  std::vector<double> result(V.size());
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t m = 0; m < count; ++m) {
      for (std::size_t i = 0; i < n; ++i) {
        result[k * n + i] += rotation[k * count + m] * V[m * n + i];
      }
    }
  }
  orthonormalise(result, n);
  return result;
}

/// One march of V: ln of the singular values of the product on the space that V spans, as many as
/// survive; V becomes a basis of its image. Empty if a value was not finite.
std::vector<double> march_values(const Jacobians& jacobians, Direction direction,
                                 std::vector<double>& V) {
  const std::size_t n = jacobians.state_size();
  ScaledTriangle T(V.size() / n);
  std::size_t count = V.size() / n;
  const bool finite =
      qr_march(jacobians, direction, 0, V,
               [&](std::size_t /*done*/, std::span<const double> R, std::size_t kept) {
                 if (kept < count) T.keep(count = kept);
                 T.multiply_left(R);
               });
  return finite ? T.ln_singular_values() : std::vector<double>(count, nan);
}

Direction other(Direction direction) {
  return direction == Direction::forward ? Direction::backward : Direction::forward;
}

}  // namespace

std::vector<double> ln_singular_values(const Jacobians& jacobians, std::uint64_t seed) {
  const std::size_t n = jacobians.state_size();
  const bool all = n <= singular_values_width;
  constexpr std::size_t block = 8;
  std::vector<double> result(all ? n : 1, nan);
  if (!jacobians.finite()) return result;
  std::vector<double> V = random_orthonormal(n, all ? n : block, seed);
  Direction direction = Direction::forward;
  std::vector<double> values = march_values(jacobians, direction, V);
  // With full rank one march is all. Else its image is the range of the product, and the way back
  // from there sees all that is not 0. A block that is smaller than the space turns to the leading
  // vectors round by round.
  const std::size_t rounds = !all ? 100 : V.size() < n * n ? 1 : 0;
  for (std::size_t round = 0; round < rounds && !V.empty(); ++round) {
    direction = other(direction);
    V = mixed(V, n, seed + round + 1);
    const double before = values[0];
    values = march_values(jacobians, direction, V);
    if (!all && std::abs(values[0] - before) <= 1e-10) break;
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = i < values.size() ? values[i] : -infinity;
  }
  return result;
}

}  // namespace gradepth::growth
