#include "host/growth/jacobians/qr_march.h"

#include <algorithm>
#include <cmath>

#include "host/growth/jacobians/orthonormal.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

constexpr std::size_t longest_interval = 32;
constexpr double widest_spread = 1e4;  // of R's diagonal: above, take shorter stretches
constexpr double narrow_spread = 50;   // below, take longer ones
constexpr double widest_ln = 300;      // |ln R_ii|
constexpr double narrow_ln = 100;

/// What R says about the stretch of maps behind it.
struct Diagonal {
  double ratio = 1;  // largest / smallest diagonal element
  double ln = 0;     // largest |ln R_ii|
  bool finite = true;
};

Diagonal diagonal(std::span<const double> R, std::size_t count) {
  Diagonal result;
  double least = infinity;
  double largest = 0;
  for (const double r : R) result.finite = result.finite && std::isfinite(r);
  for (std::size_t i = 0; i < count; ++i) {
    const double r = R[i * count + i];
    least = std::min(least, r);
    largest = std::max(largest, r);
    result.ln = std::max(result.ln, std::abs(std::log(r)));
  }
  result.ratio = largest / least;  // NaN for a block of zeros: neither wide nor narrow
  return result;
}

/// Number of leading vectors that a single map did not make dependent on those before them.
std::size_t independent(const Triangle& t, std::size_t count) {
  std::size_t i = 0;
  while (i < count && t.R[i * count + i] > t.rounding[i]) ++i;
  return i;
}

std::vector<double> leading(std::span<const double> R, std::size_t count, std::size_t kept) {
  std::vector<double> block(kept * kept);
  for (std::size_t i = 0; i < kept; ++i) {
    std::copy_n(&R[i * count], kept, &block[i * kept]);
  }
  return block;
}

}  // namespace

bool qr_march(const Jacobians& jacobians, Direction direction, std::size_t stop,
              std::vector<double>& V, const MarchVisit& visit) {
  const std::size_t n = jacobians.state_size();
  const std::size_t L = jacobians.maps();
  std::size_t interval = 1;
  for (std::size_t done = 0; done < L && !V.empty();) {
    const std::size_t end = std::min(done + interval, done < stop ? stop : L);
    const bool single = end == done + 1;
    std::vector<double> next(V);
    for (std::size_t l = done; l < end; ++l) {
      if (direction == Direction::forward) {
        jacobians.forward(l + 1, next);
      } else {
        jacobians.backward(L - l, next);
      }
    }
    Triangle triangle = orthonormalise(next, n);
    std::vector<double>& R = triangle.R;
    std::size_t count = V.size() / n;
    const Diagonal s = diagonal(R, count);
    if (!single && (!s.finite || !(s.ratio <= widest_spread) || s.ln > widest_ln)) {
      interval = (end - done) / 2;
      continue;
    }
    if (!s.finite) return false;
    if (const std::size_t kept = independent(triangle, count); kept < count) {
      R = leading(R, count, kept);
      count = kept;
      next.resize(count * n);
    }
    V = std::move(next);
    done = end;
    visit(done, R, count);
    if (s.ratio < narrow_spread && s.ln < narrow_ln) {
      interval = std::min(2 * interval, longest_interval);
    }
  }
  return true;
}

}  // namespace gradepth::growth
