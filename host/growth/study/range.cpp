#include "host/growth/study/range.h"

#include <algorithm>
#include <cmath>

#include "host/growth/states/states.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

bool all_zero(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return v == 0; });
}

std::span<const double> slice_or_nothing(const Tensor& t, std::size_t i) {
  return t.size() == 0 ? std::span<const double>() : slice(t, i);
}

}  // namespace

std::size_t first_behind_a_lost_state(const Tensor& h, const Tensor& c) {
  const auto L = static_cast<std::size_t>(h.shape[0]) - 1;
  for (std::size_t s = L; s > 0; --s) {
    if (!all_finite(slice(h, s)) || !all_finite(slice_or_nothing(c, s))) return L - s + 1;
  }
  return L + 1;
}

double typical_size(std::initializer_list<std::span<const double>> parts) {
  double largest = 0;
  for (const auto part : parts) {
    for (const double v : part) {
      if (!std::isfinite(v)) return infinity;
      largest = std::max(largest, std::abs(v));
    }
  }
  if (largest == 0) return 0;
  double squares = 0;
  double fourths = 0;
  for (const auto part : parts) {
    for (const double v : part) {
      const double square = (v / largest) * (v / largest);
      squares += square;
      fourths += square * square;
    }
  }
  return largest * std::sqrt(fourths / squares);
}

double least_with_digits(Rounding rounding) {
  const Format f = format(rounding.dtype);
  if (rounding.flush_subnormals) return f.min_normal;
  return std::ldexp(f.min_normal * f.epsilon, f.digits / 2);
}

bool has_lost_digits(std::initializer_list<std::span<const double>> parts, Rounding rounding) {
  const double size = typical_size(parts);
  return size > 0 && size < least_with_digits(rounding);
}

RangeEnd range_end(const GrowthSpec& spec, const Tensor& h, const Tensor& c, const Tensor& dh,
                   const Tensor& dc) {
  const auto L = static_cast<std::size_t>(spec.depth);
  const std::size_t behind = first_behind_a_lost_state(h, c);
  for (std::size_t d = 0; d <= L; ++d) {
    const std::span<const double> g = slice(dh, L - d);
    const std::span<const double> of_c = slice_or_nothing(dc, L - d);
    if (d >= behind || !all_finite(g) || !all_finite(of_c)) return {RangeEnd::Kind::above, d};
    if (all_zero(g) && all_zero(of_c)) return {RangeEnd::Kind::zero, d};
    if (has_lost_digits({g, of_c}, {spec.dtype, false})) return {RangeEnd::Kind::below, d};
  }
  return {};
}

}  // namespace gradepth::growth
