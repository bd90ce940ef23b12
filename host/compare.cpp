#include "host/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

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

/// Elements per slice: one slice per step or layer where the first dimension counts those.
std::size_t slice_size(const Problem& problem, const Tensor& tensor) {
  const std::int64_t maps = depth(problem);
  const bool by_map = (tensor.shape.size() > 1 || maps > 1) && !tensor.shape.empty() &&
                      (tensor.shape[0] == maps || tensor.shape[0] == maps + 1);
  return by_map ? tensor.stride() : tensor.size();
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

double tolerance(const Problem& problem) {
  return 4 * format(dtype(problem)).epsilon * (8 + std::sqrt(longest_sum(problem))) *
         std::sqrt(static_cast<double>(depth(problem)));
}

Comparison compare(const Problem& problem, Plan& plan, Plan& reference) {
  Comparison worst;
  worst.tolerance = tolerance(problem);
  const Format limits = format(dtype(problem));
  for (const TensorSpec& spec : outputs(problem)) {
    Tensor got = plan.get(spec.name);
    Tensor want = reference.get(spec.name);
    const bool norms = spec.name == "dh_norm2";
    if (norms && got.shape.empty()) continue;  // a provider that cannot see inside
    double error = 0;
    if (got.shape != want.shape || got.size() != want.size()) {
      error = INFINITY;
    } else {
      double floor = limits.min_normal;
      if (norms) {
        for (Tensor* t : {&got, &want}) {
          std::transform(t->data.begin(), t->data.end(), t->data.begin(),
                         [](double x) { return std::sqrt(x); });
        }
        floor *= std::sqrt(state_size(problem));
      }
      // Norms are float64 on every provider; everything else is of the problem's format.
      const Dtype held = norms || spec.name == "norm" ? Dtype::f64 : dtype(problem);
      const std::size_t slice = std::max<std::size_t>(slice_size(problem, want), 1);
      for (std::size_t begin = 0; begin < want.size(); begin += slice) {
        error =
            std::max(error, slice_error(&got.data[begin], &want.data[begin], slice, held, floor));
      }
    }
    if (worst.tensor.empty() || error > worst.error) {
      worst.error = error;
      worst.tensor = spec.name;
    }
  }
  worst.ok = worst.error <= worst.tolerance;
  return worst;
}

}  // namespace gradepth
