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

GradientPath path_of_sample(const GrowthSpec& spec, const Jacobians& jacobians,
                            std::vector<double> g) {
  const std::size_t L = jacobians.maps();
  const std::size_t measured = is_additive(spec) ? g.size() / state_parts(spec) : g.size();
  GradientPath path{std::vector<double>(L + 1), std::vector<double>(L)};
  std::int64_t exponent = 0;
  const auto ln = [&](std::span<const double> x) {
    return ln_norm(x) + static_cast<double>(exponent) * std::numbers::ln2;
  };
  std::vector<double> between;
  for (std::size_t d = 0;; ++d) {
    path.states[d] = ln(std::span(g).first(measured));
    if (d == L) return path;
    double largest = 0;
    for (const double v : g) largest = std::max(largest, std::abs(v));
    if (largest > 0 && std::isfinite(largest)) {
      const int shift = std::ilogb(largest);
      for (double& v : g) v = std::ldexp(v, -shift);
      exponent += shift;
    }
    jacobians.backward(L - d, g, &between);
    path.between[d] = ln(between);
  }
}

}  // namespace

std::optional<GradientPath> renormalised_path(const GrowthSpec& spec, const Tensors& drawn,
                                              const Jacobians& first) {
  GradientPath total;
  const auto add = [](std::vector<double>& to, const std::vector<double>& of_sample) {
    std::transform(to.begin(), to.end(), of_sample.begin(), to.begin(), ln_norm_of_pair);
  };
  for (std::size_t sample = 0; sample < static_cast<std::size_t>(spec.batch); ++sample) {
    const std::unique_ptr<Jacobians> further =
        sample > 0 ? make_jacobians(spec, drawn, sample) : nullptr;
    const Jacobians& jacobians = sample > 0 ? *further : first;
    if (!jacobians.finite()) return std::nullopt;
    GradientPath path =
        path_of_sample(spec, jacobians, loss_gradient(spec, drawn, sample, jacobians.state_size()));
    if (jacobians.has_lost_slopes() && std::isinf(path.states.back())) return std::nullopt;
    if (total.states.empty()) {
      total = std::move(path);
    } else {
      add(total.states, path.states);
      add(total.between, path.between);
    }
  }
  return total;
}

GradientPath renormalised_path(const GrowthSpec& spec, const Tensors& drawn) {
  return renormalised_path(spec, drawn, *make_jacobians(spec, drawn)).value_or(GradientPath());
}

}  // namespace gradepth::growth
