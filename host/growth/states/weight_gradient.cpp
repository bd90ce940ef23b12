#include "host/growth/states/weight_gradient.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "host/growth/states/contributions.h"
#include "host/growth/states/gate_inputs.h"
#include "host/growth/states/states.h"
#include "host/growth/study/statistics.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Scalar w of an additive net: step t adds dh_t · s_t, s_t the sum of the states before it that w
/// multiplies. With their signs, by lag.
std::vector<double> additive_by_lag(const GrowthSpec& spec, const Tensor& f, const Tensor& dh) {
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<double> by_lag(L);
  std::vector<double> s(f.stride());
  const auto terms = static_cast<std::size_t>(spec.form.within(spec.depth));
  for (std::size_t t = 1; t <= L; ++t) {
    const std::size_t oldest = terms == L ? t - 1 : t - std::min(t, terms);
    if (terms != L) std::fill(s.begin(), s.end(), 0.0);
    for (std::size_t state = oldest; state < t; ++state) {
      for (std::size_t i = 0; i < s.size(); ++i) s[i] += slice(f, state)[i];
    }
    by_lag[L - t] = dot(slice(dh, t), s);
  }
  return by_lag;
}

/// Multiplies the last gate's part of one step's da [B, G H] by the reset gate: its W sees
/// dm = da r.
void apply_reset(const GrowthSpec& spec, const Tensors& drawn, std::span<const double> h,
                 std::size_t step, std::vector<double>& da) {
  const CellInfo& cell = *spec.net.cell();
  const auto H = static_cast<std::size_t>(spec.width);
  const auto G = static_cast<std::size_t>(cell.gates);
  const auto r = static_cast<std::size_t>(cell.reset_gate);
  const std::size_t copy = is_shared(spec) ? 0 : step;
  const double* W_r = drawn.find("Wh")->second.data.data() + (copy * G + r) * H * H;
  const double* b_r =
      drawn.find("b")->second.data.data() + (copy * static_cast<std::size_t>(cell.biases) + r) * H;
  for (std::size_t n = 0; n < static_cast<std::size_t>(spec.batch); ++n) {
    const std::vector<double> in = gate_inputs(spec, drawn, step, n);
    for (std::size_t j = 0; j < H; ++j) {
      double a = b_r[j] + in[r * H + j];
      for (std::size_t k = 0; k < H; ++k) a += W_r[j * H + k] * h[n * H + k];
      da[(n * G + G - 1) * H + j] *= Sigmoid::value(a);
    }
  }
}

/// The contributions of all steps, one at a time: they are as large as the recorded states.
class Contributions {
 public:
  Contributions(const GrowthSpec& spec, Plan& plan, const Tensors& drawn, const Tensor& h)
      : spec_(spec),
        drawn_(drawn),
        h_(h),
        da_(plan.get("da")),
        has_reset_(is_recurrent(spec) && spec.net.cell()->has_reset()) {}

  /// Of map t + 1, t = 0 … L - 1.
  [[nodiscard]] Contribution operator[](std::size_t t) const {
    const std::span<const double> below = slice(h_, t);
    const std::span<const double> arriving = slice(da_, t);
    Contribution step{{arriving.begin(), arriving.end()}, {below.begin(), below.end()}};
    if (is_preact(spec_)) {
      with_activation(spec_.activation, [&](auto act) {
        for (double& v : step.b) v = act.value(v);
      });
    }
    if (has_reset_) apply_reset(spec_, drawn_, below, t, step.a);
    if (is_cnn(spec_)) step = {by_pixel(step.a, 1), by_pixel(step.b, image::taps)};
    return step;
  }

  /// Of a step's factors: samples, or for a cnn all their pixels.
  [[nodiscard]] std::size_t rows() const {
    const std::int64_t pixels = is_cnn(spec_) ? image::pixels : 1;
    return static_cast<std::size_t>(spec_.batch * pixels);
  }

 private:
  /// [B, N, 64] as [B 64, N taps]: of each pixel what its taps read; with one tap, itself.
  [[nodiscard]] std::vector<double> by_pixel(const std::vector<double>& images,
                                             std::ptrdiff_t taps) const {
    std::vector<double> rows(images.size() * static_cast<std::size_t>(taps));
    auto to = rows.begin();
    for (std::ptrdiff_t sample = 0; sample < spec_.batch; ++sample) {
      for (std::ptrdiff_t pixel = 0; pixel < image::pixels; ++pixel) {
        for (std::ptrdiff_t channel = 0; channel < spec_.width; ++channel) {
          const auto image = images.begin() + (sample * spec_.width + channel) * image::pixels;
          for (std::ptrdiff_t k = 0; k < taps; ++k) {
            *to++ = image[taps == 1 ? pixel : image::neighbour(pixel, k)];
          }
        }
      }
    }
    return rows;
  }

  const GrowthSpec& spec_;
  const Tensors& drawn_;
  const Tensor& h_;
  Tensor da_;
  bool has_reset_;
};

std::vector<double> exponentials(std::vector<double> x) {
  for (double& v : x) v = std::exp(v);
  return x;
}

/// ln Σ e^x.
double ln_sum_exp(std::span<const double> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (const double v : x) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

/// `sum` and `cancellation`, from the norms by lag and the provider's own dL/dW.
void add_sum(const Tensor& dW, WeightGradient& result) {
  const double ln_sum = ln_norm(dW.data);
  const double cancellation = std::exp(ln_sum - ln_sum_exp(result.ln_by_lag));
  result.sum = std::exp(ln_sum);
  result.sum_squared_mean = std::exp(2 * ln_sum);
  result.cancellation = std::isfinite(cancellation) ? cancellation : nan;
}

WeightGradient of_additive(const GrowthSpec& spec, const Tensor& f, const Tensor& dh) {
  const std::vector<double> by_lag = additive_by_lag(spec, f, dh);
  WeightGradient result;
  std::vector<double> compared;
  result.ln_by_lag.reserve(by_lag.size());
  for (const double v : by_lag) result.ln_by_lag.push_back(std::log(std::abs(v)));
  result.by_lag = exponentials(result.ln_by_lag);
  result.cosine_lags = cosine_lags(by_lag.size());
  compared.reserve(result.cosine_lags.size());
  for (const std::size_t lag : result.cosine_lags) compared.push_back(by_lag[lag]);
  result.cosine = cosines(compared);
  return result;
}

WeightGradient of_shared(const Contributions& steps, std::size_t L) {
  const std::size_t batch = steps.rows();
  WeightGradient result;
  for (std::size_t lag = 0; lag < L; ++lag) {
    result.ln_by_lag.push_back(ln_norm(steps[L - 1 - lag], batch));
  }
  result.by_lag = exponentials(result.ln_by_lag);
  const std::vector<std::size_t> lags = cosine_lags(L);
  if (lags.size() * batch > cosine_rows) return result;
  std::vector<Contribution> compared;
  compared.reserve(lags.size());
  for (const std::size_t lag : lags) compared.push_back(steps[L - 1 - lag]);
  result.cosine_lags = lags;
  result.cosine = cosines(compared, batch);
  return result;
}

/// S² Σ k² w^(2k-2), k = T - t of every step t that has input: E (dh_T/dw)² of h_t = w h_{t-1} +
/// x_t.
double memory_variance(const GrowthSpec& spec) {
  const double w = spec.init.W.scale;
  double sum = 0;
  for (std::int64_t t = spec.depth - 1; t >= 1; --t) {  // the last input does not meet w
    const auto k = static_cast<double>(spec.depth - t);
    const double term = k * std::pow(w, k - 1) * spec.init.input_scale;
    if (spec.init.is_driven_at(t)) sum += term * term;
  }
  return sum;
}

double mean_of_finite(const std::vector<double>& x) {
  double sum = 0;
  double count = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) continue;
    sum += v;
    ++count;
  }
  return sum / count;
}

}  // namespace

std::vector<std::size_t> cosine_lags(std::size_t L) {
  const std::size_t count = L <= all_lags_depth ? L : sketched_lags;
  std::vector<std::size_t> lags;
  for (std::size_t i = 0; i < count; ++i) {
    lags.push_back(count == L ? i : i * (L - 1) / (count - 1));
  }
  return lags;
}

WeightGradient weight_gradient(const GrowthSpec& spec, Plan& plan, const Tensors& drawn,
                               const Tensor& h, const Tensor& dh) {
  const auto L = static_cast<std::size_t>(spec.depth);
  if (!is_shared(spec)) {
    WeightGradient result{.sum = nan, .sum_squared_mean = nan, .cancellation = nan};
    if (is_cnn(spec)) {
      const Tensor dW = plan.get("dW");
      for (std::size_t l = 0; l < L; ++l)
        result.by_layer.push_back(std::exp(ln_norm(slice(dW, l))));
      return result;
    }
    const Contributions steps(spec, plan, drawn, h);
    for (std::size_t l = 0; l < L; ++l) {
      result.by_layer.push_back(std::exp(ln_norm(steps[l], steps.rows())));
    }
    return result;
  }
  WeightGradient result = is_additive(spec) ? of_additive(spec, h, dh)
                                            : of_shared(Contributions(spec, plan, drawn, h), L);
  add_sum(plan.get(is_recurrent(spec) ? "dWh" : "dW"), result);
  return result;
}

WeightGradient over_seeds(std::span<const WeightGradient> seeds) {
  std::vector<double> column(seeds.size());
  const auto elements = [&](std::vector<double> WeightGradient::*part, auto summary) {
    std::vector<double> result((seeds.front().*part).size());
    for (std::size_t i = 0; i < result.size(); ++i) {
      std::transform(seeds.begin(), seeds.end(), column.begin(),
                     [&](const WeightGradient& seed) { return (seed.*part)[i]; });
      result[i] = summary(column);
    }
    return result;
  };
  const auto number = [&](double WeightGradient::*part, auto summary) {
    std::transform(seeds.begin(), seeds.end(), column.begin(),
                   [&](const WeightGradient& seed) { return seed.*part; });
    return summary(column);
  };
  return {.by_lag = elements(&WeightGradient::by_lag, median),
          .ln_by_lag = elements(&WeightGradient::ln_by_lag, median),
          .sum = number(&WeightGradient::sum, median),
          .sum_squared_mean = number(&WeightGradient::sum_squared_mean, mean),
          .cancellation = number(&WeightGradient::cancellation, median),
          .cosine_lags = seeds.front().cosine_lags,
          .cosine = elements(&WeightGradient::cosine, mean_of_finite),
          .by_layer = elements(&WeightGradient::by_layer, median)};
}

std::optional<WeightTheory> weight_theory(const GrowthSpec& spec) {
  using Kind = WeightInit::Kind;
  const Initialisation& init = spec.init;
  const bool given = init.W.kind == Kind::constant || init.W.kind == Kind::identity;
  const bool scalar = is_elman(spec) && is_shared(spec) && spec.width == 1 && spec.batch == 1;
  const bool at_rest = init.h0.scale == 0 && init.bias.scale == 0 && !spec.h0_fixed_point;
  if (!scalar || !given || !at_rest || spec.activation != "identity" || init.density != 1 ||
      !init.has_input() || spec.clip_value > 0) {
    return std::nullopt;
  }
  // |dL/dh_T| is the loss scale, for a sphere of one dimension too.
  const double loss = std::abs(init.loss_scale);
  const double w = std::abs(init.W.scale);
  if (init.input == Initialisation::Input::gaussian) {
    return WeightTheory{std::nullopt, loss * loss * memory_variance(spec),
                        "S^2 sum of k^2 w^(2k - 2) over the inputs k steps before the last; in the "
                        "end S^2 (1 + w^2) / (1 - w^2)^3",
                        "Zucchetti & Orvieto 2024"};
  }
  const auto T = static_cast<double>(spec.depth);
  const double sum = loss * (T < 2 ? 0 : (T - 1) * std::pow(w, T - 2));
  return WeightTheory{sum, sum * sum, "(T - 1) |w|^(T - 2), all T - 1 terms equal",
                      "product rule on w^(T - 1)"};
}

}  // namespace gradepth::growth
