#include "host/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/activation.h"

namespace gradepth {
namespace {

/// The longest sum behind one output element.
double longest_sum(const Problem& problem) {
  if (const auto* p = std::get_if<ActivationProblem>(&problem)) {
    return p->bias_gradient ? static_cast<double>(p->rows) : 1.0;
  }
  if (const auto* p = std::get_if<RecurrentProblem>(&problem)) {
    const std::int64_t product =
        gates(p->cell) * p->H + (p->project_input ? std::max(p->I, p->H) : 0);
    return static_cast<double>(std::max(product, p->T * p->B));
  }
  if (const auto* p = std::get_if<FeedForwardProblem>(&problem)) {
    const bool cnn = p->net == "cnn";
    return static_cast<double>(std::max(p->N * (cnn ? 9 : 1), p->B * (cnn ? 64 : 1)));
  }
  return 1;  // clip: an element times a scale; the norm is accumulated in float64
}

double state_size(const Problem& problem) {
  if (const auto* p = std::get_if<RecurrentProblem>(&problem)) {
    return static_cast<double>(p->B * p->H) * (p->cell == "lstm" ? 2 : 1);
  }
  if (const auto* p = std::get_if<FeedForwardProblem>(&problem)) {
    return static_cast<double>(p->B * p->state_size());
  }
  return 1;
}

/// The largest error of one slice relative to the slice's largest entry; infinity where one side is
/// finite and the other is not.
double slice_error(const double* got, const double* want, std::size_t n, Dtype dtype,
                   double floor) {
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double rounded = round_to(dtype, want[i]);
    if (std::isfinite(rounded) != std::isfinite(got[i])) return INFINITY;
    if (!std::isfinite(rounded)) continue;
    largest = std::max(largest, std::abs(want[i]));
    difference = std::max(difference, std::abs(got[i] - want[i]));
  }
  if (difference <= floor) return 0;
  return difference / largest;
}

}  // namespace

std::string Comparison::describe() const {
  char text[160];
  std::snprintf(text, sizeof text,
                "%s differs from the reference by %.2g of its largest entry, %.2g allowed",
                tensor.c_str(), error, tolerance);
  return text;
}

double tolerance(const Problem& problem, Math math) {
  const Dtype stored = dtype(problem);
  const bool storage_only = problem.index() < 2 && (stored == Dtype::f16 || stored == Dtype::bf16);
  const double terms = longest_sum(problem);
  const double rounding = storage_only ? (terms > 1 ? 2 : 1) * format(stored).epsilon : 0;
  const double sum = format(storage_only ? Dtype::f32 : stored).epsilon * (8 + std::sqrt(terms));
  const double factors = math == Math::tf32 ? 2 * tf32_epsilon : 0;
  return rounding + 4 * (sum + factors) * std::sqrt(static_cast<double>(depth(problem)));
}

namespace {

/// The error of a count as a share of all elements; scaled so that what float's arithmetic allows
/// is the problem's tolerance, which in f16 and bf16 also holds the rounding of results.
double count_error(const ActivationProblem& p, double got, double want) {
  const double elements = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  ActivationProblem computed = p;
  if (p.dtype != Dtype::f64) computed.dtype = Dtype::f32;
  return std::abs(got - want) / elements * (tolerance(p) / tolerance(computed));
}

/// Whether f' jumps at a kink: its values on the two sides differ.
bool slope_jumps(const Problem& problem) {
  bool jumps = false;
  const auto look = [&](const auto& p) {
    if constexpr (requires { p.act; }) {
      with_activation(p.act, [&](auto act) {
        constexpr double side = 1e-9;
        for (const double kink : act.kinks) {
          const double below = act.slope(kink - side);
          const double above = act.slope(kink + side);
          jumps = jumps || std::abs(above - below) > 1e-3;
        }
      });
    }
  };
  std::visit(look, problem);
  return jumps;
}

/// |got - want| / |want| in the 2-norm.
double norm_error(const double* got, const double* want, std::size_t n, double floor) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < n; ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  if (std::sqrt(difference) <= floor * std::sqrt(static_cast<double>(n))) return 0;
  return std::isfinite(difference) ? std::sqrt(difference / norm) : INFINITY;
}

/// Norms in place of squared norms.
void take_roots(Tensor& t) {
  std::transform(t.data.begin(), t.data.end(), t.data.begin(),
                 [](double x) { return std::sqrt(x); });
}

/// The error of one output.
double tensor_error(const Problem& problem, const TensorSpec& spec, Tensor got, Tensor want,
                    bool by_norm) {
  const std::string& tensor_name = spec.name;
  if (got.shape != want.shape || got.size() != want.size()) return INFINITY;
  if (tensor_name == "saturated") {
    return count_error(std::get<ActivationProblem>(problem), got.data[0], want.data[0]);
  }
  // Norms are float64 on every provider; everything else is of the problem's format.
  const bool norms = tensor_name == "dh_norm2";
  const Dtype held = norms || tensor_name == "norm" ? Dtype::f64 : dtype(problem);
  double floor = format(dtype(problem)).min_normal;
  if (norms) {
    take_roots(got);
    take_roots(want);
    floor *= std::sqrt(state_size(problem));
  }
  const bool gradient = tensor_name.starts_with('d');
  const std::size_t slice = std::max<std::size_t>(spec.by_step ? want.stride() : want.size(), 1);
  double error = 0;
  for (std::size_t begin = 0; begin < want.size(); begin += slice) {
    const double* a = &got.data[begin];
    const double* b = &want.data[begin];
    error = std::max(error, by_norm && gradient ? norm_error(a, b, slice, floor)
                                                : slice_error(a, b, slice, held, floor));
  }
  return error;
}

Comparison compare_outputs(const Problem& problem, Plan& plan, Plan& reference, bool by_norm) {
  Comparison worst;
  const double strict = tolerance(problem, plan.math());
  worst.tolerance = by_norm ? std::sqrt(static_cast<double>(depth(problem)) * strict) : strict;
  worst.by_norm = by_norm;
  for (const TensorSpec& spec : outputs(problem)) {
    Tensor got = plan.get(spec.name);
    if (spec.name == "dh_norm2" && got.shape.empty()) continue;  // it cannot see inside
    const double error =
        tensor_error(problem, spec, std::move(got), reference.get(spec.name), by_norm);
    // States do not jump: they stay under the strict tolerance.
    const double allowed = spec.name.starts_with('d') ? worst.tolerance : strict;
    worst.ok = worst.ok && error <= allowed;
    if (worst.tensor.empty() || error > worst.error) {
      worst.error = error;
      worst.tensor = spec.name;
    }
  }
  return worst;
}

}  // namespace

Comparison compare(const Problem& problem, Plan& plan, Plan& reference) {
  Comparison strict = compare_outputs(problem, plan, reference, false);
  if (strict.ok || depth(problem) == 1 || !slope_jumps(problem)) return strict;
  return compare_outputs(problem, plan, reference, true);
}

}  // namespace gradepth
