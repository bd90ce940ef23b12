#include "host/growth/states/open_paths.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "host/growth/states/states.h"
#include "host/growth/study/statistics.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

/// Units, and how many of them are open.
struct Units {
  double open = 0;
  double all = 0;

  [[nodiscard]] double share() const { return open / all; }  // NaN of none
  void add(bool is_open) {
    open += is_open ? 1 : 0;
    ++all;
  }
};

/// By the slope from the stored state.
template <class Act>
Units by_outputs(std::span<const double> y) {
  Units units;
  for (const double v : y) {
    if constexpr (has_slope_from_output<Act>) {
      if (std::isfinite(v)) units.add(Act::slope_from_output(v) != 0);
    }
  }
  return units;
}

/// By what becomes of the gradient, da = f' dh.
Units by_gradients(std::span<const double> dh, std::span<const double> da, double min_normal) {
  Units units;
  for (std::size_t i = 0; i < dh.size(); ++i) {
    const bool is_judged =
        std::abs(dh[i]) >= min_normal && std::isfinite(dh[i]) && std::isfinite(da[i]);
    if (is_judged) units.add(da[i] != 0);
  }
  return units;
}

}  // namespace

double ln_mean_share(std::span<const double> ln_shares) {
  const bool is_known =
      std::none_of(ln_shares.begin(), ln_shares.end(), [](double v) { return std::isnan(v); });
  return is_known ? ln_mean_exp(ln_shares) : nan;
}

OpenPaths open_paths(const GrowthSpec& spec, const Tensor& h, const Tensor& dh, const Tensor& da) {
  const auto L = static_cast<std::size_t>(spec.depth);
  OpenPaths result{std::vector<double>(L + 1, nan), std::vector<double>(L + 1, nan)};
  if (!is_plain_chain(spec)) return result;
  const auto batch = static_cast<std::size_t>(spec.batch);
  const std::size_t n = h.stride() / batch;
  const double min_normal = format(spec.dtype).min_normal;
  std::vector<double> ln_paths(batch, 0.0);  // of each sample
  if (is_dense_chain(spec)) result.ln_paths[0] = 0;
  with_activation(spec.activation, [&](auto act) {
    using Act = decltype(act);
    // In a tail that is not flat a stored state may say 0 where a slope from the input does not.
    const bool is_from_input = spec.dtype == Dtype::f64 || spec.slope == SlopeFrom::input;
    const bool by_state = has_slope_from_output<Act> && (!is_from_input || has_flat_part<Act>());
    for (std::size_t d = 1; d <= L; ++d) {
      const std::size_t map = L - d + 1;  // makes state `map` from state map - 1
      Units of_all;
      for (std::size_t sample = 0; sample < batch; ++sample) {
        const auto of_sample = [&](const Tensor& t, std::size_t i) {
          return slice(t, i).subspan(sample * n, n);
        };
        const Units units =
            by_state ? by_outputs<Act>(of_sample(h, map))
                     : by_gradients(of_sample(dh, map), of_sample(da, map - 1), min_normal);
        of_all.open += units.open;
        of_all.all += units.all;
        ln_paths[sample] += std::log(units.share());
      }
      result.open[d] = of_all.share();
      if (is_dense_chain(spec)) result.ln_paths[d] = ln_mean_share(ln_paths);
    }
  });
  return result;
}

}  // namespace gradepth::growth
