#include "host/growth/study/jacobian_growth.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "host/growth/jacobians/jacobians.h"
#include "host/growth/jacobians/renormalised.h"
#include "host/growth/jacobians/singular_values.h"
#include "host/growth/theory/spectrum.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

/// The values of `part`, a vector of each seed, at index i.
std::vector<double> column(std::span<const SeedJacobians> seeds,
                           std::vector<double> SeedJacobians::*part, std::size_t i) {
  std::vector<double> values;
  for (const SeedJacobians& seed : seeds) values.push_back((seed.*part)[i]);
  return values;
}

/// NaN unless all are finite.
Interval mean_of_all(const std::vector<double>& x) {
  return all_finite(x) ? mean_interval(x) : Interval{nan, std::nullopt, std::nullopt};
}

std::vector<Interval> lyapunov_over_seeds(std::span<const SeedJacobians> seeds) {
  std::vector<Interval> exponents;
  for (std::size_t i = 0; i < seeds.front().lyapunov.size(); ++i) {
    exponents.push_back(mean_of_all(column(seeds, &SeedJacobians::lyapunov, i)));
  }
  // Two that are nearly the same may come out of a finite path the wrong way round.
  std::stable_sort(exponents.begin(), exponents.end(), [](const Interval& a, const Interval& b) {
    return a.value > b.value || (!std::isnan(a.value) && std::isnan(b.value));
  });
  return exponents;
}

void transient_over_seeds(std::span<const SeedJacobians> seeds, JacobianGrowth& result) {
  std::vector<Transient> found;
  std::vector<double> radii;
  for (const SeedJacobians& seed : seeds) {
    if (!seed.transient || std::isnan(seed.transient->ln_max)) return;
    found.push_back(*seed.transient);
    radii.push_back(seed.spectral_radius);
  }
  const auto middle = found.begin() + static_cast<std::ptrdiff_t>((found.size() - 1) / 2);
  std::nth_element(found.begin(), middle, found.end(),
                   [](const Transient& a, const Transient& b) { return a.ln_max < b.ln_max; });
  result.transient = *middle;
  if (all_finite(radii)) result.spectral_radius = quantile(radii, 0.5);
}

}  // namespace

SeedJacobians measure_jacobians(const GrowthSpec& spec, const Tensors& drawn, std::uint64_t seed) {
  SeedJacobians result;
  if (spec.lyapunov > 0 || spec.singular_values || spec.renormalised) {
    const std::unique_ptr<Jacobians> jacobians = make_jacobians(spec, drawn);
    if (spec.lyapunov > 0) {
      result.lyapunov =
          lyapunov_exponents(*jacobians, static_cast<std::size_t>(spec.lyapunov), seed);
    }
    if (spec.singular_values) result.ln_singular_values = ln_singular_values(*jacobians, seed);
    if (spec.renormalised) {
      result.renormalised = renormalised_path(spec, drawn, *jacobians).value_or(GradientPath());
    }
  }
  const auto W = shared_matrix(spec, drawn);
  if (W && (spec.transient || transient_is_cheap(spec))) {
    const auto n = static_cast<std::size_t>(spec.width);
    result.transient = transient_growth(*W, n, static_cast<std::size_t>(spec.depth));
    result.spectral_radius = n <= spectral_radius_width ? spectral_radius(*W, n) : nan;
  }
  return result;
}

std::optional<Renormalised> renormalised_over_seeds(std::span<const GradientPath> seeds) {
  Renormalised result;
  std::vector<double> slopes;
  for (const GradientPath& seed : seeds) {
    if (seed.states.empty()) return std::nullopt;
    slopes.push_back(window_slope(seed.states));
  }
  for (std::size_t d = 0; d < seeds.front().states.size(); ++d) {
    std::vector<double> relative;
    for (const GradientPath& seed : seeds) relative.push_back(seed.states[d] - seed.states[0]);
    result.median.push_back(quantile(relative, 0.5));
  }
  result.rate = mean_interval(slopes);
  result.total = scaled(result.rate, static_cast<double>(result.median.size() - 1));
  return result;
}

JacobianGrowth over_seeds(const GrowthSpec& spec, std::span<const SeedJacobians> seeds) {
  JacobianGrowth result;
  result.lyapunov = lyapunov_over_seeds(seeds);
  result.lyapunov_theory = lyapunov_theory(spec, result.lyapunov.size());
  const std::size_t values = seeds.front().ln_singular_values.size();
  for (std::size_t i = 0; i < values; ++i) {
    const double ln = mean_of_all(column(seeds, &SeedJacobians::ln_singular_values, i)).value;
    if (i == 0) result.ln_largest = ln;
    result.singular_values.push_back(ln / static_cast<double>(spec.depth));
  }
  if (jacobian_size(spec) > singular_values_width) result.singular_values.clear();
  std::vector<GradientPath> paths;
  paths.reserve(seeds.size());
  for (const SeedJacobians& seed : seeds) paths.push_back(seed.renormalised);
  result.renormalised = renormalised_over_seeds(paths);
  transient_over_seeds(seeds, result);
  return result;
}

}  // namespace gradepth::growth
