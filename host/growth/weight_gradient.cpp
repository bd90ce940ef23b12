#include "host/growth/weight_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "host/growth/states.h"
#include "kernels/activation.h"

namespace gradepth::growth {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double norm(std::span<const double> x) { return std::exp(ln_norm(x)); }

double largest(std::span<const double> x) {
  double result = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) return nan;
    result = std::max(result, std::abs(v));
  }
  return result;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Scalar w of an additive net: step t adds dh_t · s_t, s_t = f_{t-1} + f_{t-2} or the sum of all
/// earlier f.
std::vector<double> additive_by_lag(const GrowthSpec& spec, const Tensor& f, const Tensor& dh) {
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<double> by_lag(L);
  std::vector<double> s(f.stride());
  for (std::size_t t = 1; t <= L; ++t) {
    for (std::size_t i = 0; i < s.size(); ++i) {
      const double newest = slice(f, t - 1)[i];
      if (spec.form == "sum") {
        s[i] += newest;
      } else {
        s[i] = newest + (t >= 2 ? slice(f, t - 2)[i] : 0.0);
      }
    }
    by_lag[L - t] = std::abs(dot(slice(dh, t), s));
  }
  return by_lag;
}

/// Multiplies the n part of one step's da [B, 3 H] by the reset gate: W_n sees dm = da_n r.
void apply_reset(const GrowthSpec& spec, const Tensors& drawn, std::span<const double> h,
                 std::size_t step, std::vector<double>& da) {
  const auto H = static_cast<std::size_t>(spec.width);
  const std::size_t copy = is_untied(spec) ? step : 0;
  const double* W_r = drawn.find("Wh")->second.data.data() + copy * 3 * H * H;
  const double* b_r = drawn.find("b")->second.data.data() + copy * 4 * H;
  const std::span<const double> x = slice(drawn.find("x")->second, step);
  for (std::size_t n = 0; n < static_cast<std::size_t>(spec.batch); ++n) {
    for (std::size_t j = 0; j < H; ++j) {
      double a = b_r[j] + x[n * H + j];
      for (std::size_t k = 0; k < H; ++k) a += W_r[j * H + k] * h[n * H + k];
      da[(n * 3 + 2) * H + j] *= Sigmoid::value(a);
    }
  }
}

}  // namespace

double outer_product_norm(std::span<const double> a, std::span<const double> b, std::size_t batch) {
  const double a_max = largest(a);
  const double b_max = largest(b);
  if (std::isnan(a_max) || std::isnan(b_max)) return nan;
  if (a_max == 0 || b_max == 0) return 0;
  const auto row = [&](std::span<const double> x, std::size_t n) {
    const std::size_t width = x.size() / batch;
    return x.subspan(n * width, width);
  };
  double sum = 0;
  for (std::size_t n = 0; n < batch; ++n) {
    for (std::size_t m = 0; m <= n; ++m) {
      // Each factor apart: a_max² itself may be out of range.
      const auto scaled_dot = [&](std::span<const double> x, double scale) {
        double total = 0;
        const auto left = row(x, n);
        const auto right = row(x, m);
        for (std::size_t i = 0; i < left.size(); ++i) {
          total += (left[i] / scale) * (right[i] / scale);
        }
        return total;
      };
      sum += (m < n ? 2 : 1) * scaled_dot(a, a_max) * scaled_dot(b, b_max);
    }
  }
  return a_max * b_max * std::sqrt(std::max(0.0, sum));
}

WeightGradient weight_gradient(const GrowthSpec& spec, Plan& plan, const Tensors& drawn,
                               const Tensor& h, const Tensor& dh) {
  const auto L = static_cast<std::size_t>(spec.depth);
  WeightGradient result{{}, nan, nan, {}};
  if (spec.net == "cnn") {
    const Tensor dW = plan.get("dW");
    for (std::size_t l = 0; l < L; ++l) result.by_layer.push_back(norm(slice(dW, l)));
    return result;
  }
  std::vector<double> by_step(L);  // of map t = 1 … L
  if (spec.net == "additive") {
    result.by_lag = additive_by_lag(spec, h, dh);
  } else {
    const Tensor da = plan.get("da");
    const bool preact = spec.net == "residual" && spec.residual == "preact";
    const auto batch = static_cast<std::size_t>(spec.batch);
    for (std::size_t t = 0; t < L; ++t) {
      std::vector<double> multiplied(slice(h, t).begin(), slice(h, t).end());  // by W
      std::vector<double> arriving(slice(da, t).begin(), slice(da, t).end());
      if (preact) {
        with_activation(spec.activation, [&](auto act) {
          for (double& v : multiplied) v = act.value(v);
        });
      }
      if (spec.net == "gru") apply_reset(spec, drawn, slice(h, t), t, arriving);
      by_step[t] = outer_product_norm(arriving, multiplied, batch);
    }
    if (is_untied(spec)) {
      result.by_layer = std::move(by_step);
      return result;
    }
    result.by_lag.assign(by_step.rbegin(), by_step.rend());
  }
  result.sum = norm(plan.get("dWh").data);
  double total = 0;
  for (const double contribution : result.by_lag) total += contribution;
  result.cancellation = total > 0 ? result.sum / total : nan;
  return result;
}

}  // namespace gradepth::growth
