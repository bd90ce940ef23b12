#include "host/growth/jacobians/renormalised.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "host/growth/states/states.h"

namespace gradepth::growth {
namespace {

/// The loss gradient on one sample's last state, in the Jacobians' layout.
std::vector<double> loss_gradient(const GrowthSpec& spec, const Tensors& drawn, std::size_t sample,
                                  std::size_t size) {
  std::vector<double> g(size);
  const auto n = static_cast<std::ptrdiff_t>(size / state_parts(spec));
  const auto of_sample = [&](const std::vector<double>& last) {
    return last.begin() + static_cast<std::ptrdiff_t>(sample) * n;
  };
  const std::vector<double>& dy = drawn.find("dy")->second.data;
  // Recurrent nets: dy [T, B, H] has a gradient for every step; the last B rows are the loss end's.
  const auto all = static_cast<std::ptrdiff_t>(spec.batch) * n;
  std::copy_n(of_sample(dy) + (static_cast<std::ptrdiff_t>(dy.size()) - all), n, g.begin());
  if (drawn.contains("dc")) {
    std::copy_n(of_sample(drawn.find("dc")->second.data), n, g.begin() + n);
  }
  return g;
}

/// One sample's ln norms, by depth.
std::vector<double> sample_ln_norms(const GrowthSpec& spec, const Jacobians& jacobians,
                                    std::vector<double> g) {
  const std::size_t L = jacobians.maps();
  const std::size_t measured = is_additive(spec) ? g.size() / state_parts(spec) : g.size();
  std::vector<double> by_depth(L + 1);
  std::int64_t exponent = 0;
  for (std::size_t d = 0;; ++d) {
    by_depth[d] =
        ln_norm(std::span(g).first(measured)) + static_cast<double>(exponent) * std::numbers::ln2;
    if (d == L) return by_depth;
    double largest = 0;
    for (const double v : g) largest = std::max(largest, std::abs(v));
    if (largest > 0 && std::isfinite(largest)) {
      const int shift = std::ilogb(largest);
      for (double& v : g) v = std::ldexp(v, -shift);
      exponent += shift;
    }
    jacobians.backward(L - d, g);
  }
}

}  // namespace

std::optional<std::vector<double>> renormalised_ln_norms(const GrowthSpec& spec,
                                                         const Tensors& drawn,
                                                         const Jacobians& first) {
  std::vector<double> total;
  for (std::size_t sample = 0; sample < static_cast<std::size_t>(spec.batch); ++sample) {
    const std::unique_ptr<Jacobians> further =
        sample > 0 ? make_jacobians(spec, drawn, sample) : nullptr;
    const Jacobians& jacobians = sample > 0 ? *further : first;
    if (!jacobians.finite()) return std::nullopt;
    std::vector<double> ln_norms = sample_ln_norms(
        spec, jacobians, loss_gradient(spec, drawn, sample, jacobians.state_size()));
    if (jacobians.has_lost_slopes() && std::isinf(ln_norms.back())) return std::nullopt;
    if (total.empty()) {
      total = std::move(ln_norms);
    } else {
      std::transform(total.begin(), total.end(), ln_norms.begin(), total.begin(), ln_norm_of_pair);
    }
  }
  return total;
}

}  // namespace gradepth::growth
