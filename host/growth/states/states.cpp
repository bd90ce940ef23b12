#include "host/growth/states/states.h"

#include <algorithm>
#include <cmath>

#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

constexpr double threshold = 0.01;

/// Counts |f'| < 0.01 among the elements that can be judged.
class SaturatedFraction {
 public:
  void add(bool small) {
    ++count_;
    small_ += small ? 1 : 0;
  }
  [[nodiscard]] double value() const {
    return count_ == 0 ? nan : static_cast<double>(small_) / static_cast<double>(count_);
  }

 private:
  std::size_t count_ = 0;
  std::size_t small_ = 0;
};

template <class Act>
double from_outputs(std::span<const double> y) {
  SaturatedFraction fraction;
  for (const double v : y) fraction.add(std::abs(Act::slope_from_output(v)) < threshold);
  return fraction.value();
}

template <class Act>
double from_inputs(std::span<const double> x) {
  SaturatedFraction fraction;
  for (const double v : x) fraction.add(std::abs(Act::slope(v)) < threshold);
  return fraction.value();
}

/// f' = da / (A dh), dh as it was after clipping.
double from_gradients(const GrowthSpec& spec, std::span<const double> dh,
                      std::span<const double> da) {
  const double A = spec.net == "residual" && spec.residual == "scaled" ? spec.residual_scale : 1.0;
  const double least = format(spec.dtype).min_normal / threshold;
  SaturatedFraction fraction;
  for (std::size_t i = 0; i < dh.size(); ++i) {
    const double arrived =
        spec.clip_value > 0 ? std::clamp(dh[i], -spec.clip_value, spec.clip_value) : dh[i];
    const double through = std::abs(A * arrived);
    if (through < least || !std::isfinite(through) || !std::isfinite(da[i])) continue;
    fraction.add(std::abs(da[i]) < threshold * through);
  }
  return fraction.value();
}

}  // namespace

double ln_norm(std::span<const double> x) {
  double largest = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) return infinity;
    largest = std::max(largest, std::abs(v));
  }
  if (largest == 0) return -infinity;
  double sum = 0;
  for (const double v : x) sum += (v / largest) * (v / largest);
  return std::log(largest) + 0.5 * std::log(sum);
}

double ln_norm_of_pair(double a, double b) {
  const double larger = std::max(a, b);
  if (!std::isfinite(larger)) return larger;
  return larger + 0.5 * std::log1p(std::exp(2 * (std::min(a, b) - larger)));
}

std::vector<double> ln_norms(const Tensor& x, const Tensor& of_c) {
  const auto L = static_cast<std::size_t>(x.shape[0]) - 1;
  std::vector<double> by_depth(L + 1);
  for (std::size_t d = 0; d <= L; ++d) {
    by_depth[d] = ln_norm(slice(x, L - d));
    if (of_c.size() > 0) {
      by_depth[d] = ln_norm_of_pair(by_depth[d], ln_norm(slice(of_c, L - d)));
    }
  }
  return by_depth;
}

std::string_view name(NormsFrom from) {
  constexpr std::string_view names[] = {"recorded gradients", "kernel", "both"};
  return names[static_cast<int>(from)];
}

StepNorms step_norms(const Tensor& dh, const Tensor& dc, const Tensor& dh_norm2) {
  StepNorms norms{ln_norms(dh, dc), NormsFrom::recorded};
  if (dh_norm2.size() == 0) return norms;
  norms.from = NormsFrom::kernel;
  const std::size_t L = dh_norm2.size() - 1;
  for (std::size_t d = 0; d <= L; ++d) {
    const double square = dh_norm2.data[L - d];
    if (std::isnormal(square)) {
      norms.ln[d] = 0.5 * std::log(square);
    } else if (std::isfinite(norms.ln[d])) {
      norms.from = NormsFrom::both;  // the norm is in range, its square is not
    }
  }
  return norms;
}

Fractions fractions(std::span<const double> x, Dtype dtype) {
  const double min_normal = format(dtype).min_normal;
  Fractions count;
  for (const double v : x) {
    if (!std::isfinite(v)) {
      ++count.nonfinite;
    } else if (v == 0) {
      ++count.zero;
    } else if (std::abs(v) < min_normal) {
      ++count.subnormal;
    }
  }
  const auto n = static_cast<double>(std::max<std::size_t>(x.size(), 1));
  return {count.zero / n, count.subnormal / n, count.nonfinite / n};
}

std::span<const double> slice(const Tensor& t, std::size_t i) {
  return std::span(t.data).subspan(i * t.stride(), t.stride());
}

std::vector<double> saturated(const GrowthSpec& spec, const Tensor& h, const Tensor& dh,
                              const Tensor& da) {
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<double> by_depth(L + 1, nan);
  const bool residual = spec.net == "residual";
  if (!is_plain_chain(spec) && !residual) return by_depth;
  with_activation(spec.activation, [&](auto act) {
    using Act = decltype(act);
    for (std::size_t d = 1; d <= L; ++d) {
      const std::size_t map = L - d + 1;  // makes state `map` from state map - 1
      if (residual && spec.residual == "preact") {
        by_depth[d] = from_inputs<Act>(slice(h, map - 1));
        continue;
      }
      if constexpr (has_slope_from_output<Act>) {
        if (!residual) {
          by_depth[d] = from_outputs<Act>(slice(h, map));
          continue;
        }
      }
      by_depth[d] = from_gradients(spec, slice(dh, map), slice(da, map - 1));
    }
  });
  return by_depth;
}

}  // namespace gradepth::growth
