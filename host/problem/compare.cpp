#include "host/problem/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "host/problem/exact_activation.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

/// Elements that a norm of the problem is taken over, at most.
double state_size(const Problem& problem) {
  if (const auto* p = std::get_if<RecurrentProblem>(&problem)) {
    return static_cast<double>(p->B * p->H) * std::max(p->cell->has_c ? 2 : 1, p->cell->gates);
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

/// Norms in place of squared norms.
void take_roots(Tensor& t) {
  std::transform(t.data.begin(), t.data.end(), t.data.begin(),
                 [](double x) { return std::sqrt(x); });
}

/// The larger of the terms that f' is the sum of. Where f' changes its sign, f(x) is x g(x), and f'
/// the sum of g(x) = f(x) / x and a second term.
template <class Act>
double larger_term(double x, double slope) {
  static const bool changes_sign = exact_slope<Act>(-3.0) < 0;
  if (!changes_sign || x == 0) return std::abs(slope);
  const double g = exact_value<Act>(x) / x;
  return std::max({std::abs(slope), std::abs(g), std::abs(slope - g)});
}

}  // namespace

std::string Comparison::describe() const {
  char text[160];
  std::snprintf(text, sizeof text, "%s differs from the reference by %.2g of its %s, %.2g allowed",
                tensor.c_str(), error, by_entry ? "own size" : "largest entry", tolerance);
  return text;
}

double distance(const Problem& problem, const TensorSpec& spec, Tensor got, Tensor want) {
  if (got.shape != want.shape || got.size() != want.size()) return INFINITY;
  if (spec.name == "saturated") {
    const auto& p = std::get<ActivationProblem>(problem);
    const double elements = static_cast<double>(p.rows) * static_cast<double>(p.cols);
    return std::abs(got.data[0] - want.data[0]) / elements;
  }
  // Norms are float64 on every provider; everything else is of the problem's format.
  const bool norms = is_norm2(spec.name);
  const Dtype held = norms || spec.name == "norm" ? Dtype::f64 : dtype(problem);
  double floor = format(dtype(problem)).min_normal;
  if (norms) {
    take_roots(got);
    take_roots(want);
    floor *= std::sqrt(state_size(problem));
  }
  const std::size_t slice = std::max<std::size_t>(spec.by_step ? want.stride() : want.size(), 1);
  double error = 0;
  for (std::size_t begin = 0; begin < want.size(); begin += slice) {
    error = std::max(error, slice_error(&got.data[begin], &want.data[begin], slice, held, floor));
  }
  return error;
}

Comparison compare_slopes(const ActivationProblem& problem, const Tensors& in, const Tensor& got,
                          const Tensor& want) {
  const Tensor& x = in.find("x")->second;
  const Tensor& dy = in.find("dy")->second;
  const Format stored = format(problem.dtype);
  const bool storage_only = has_16_bits(problem.dtype);
  const double eps = storage_only ? format(Dtype::f32).epsilon : stored.epsilon;
  const double rounding = storage_only ? stored.epsilon : 0;
  // Numbers of 16 bits come out of float, which holds the least of them; others may be flushed.
  const double floor = stored.min_normal * (problem.dtype == Dtype::f16 ? stored.epsilon : 1);
  Comparison worst{.tensor = "dx", .tolerance = eps, .by_entry = true};
  with_activation(problem.act, [&](auto act) {
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (!std::isfinite(round_to(problem.dtype, want.data[i]))) continue;  // distance() has it
      const double difference = std::abs(got.data[i] - want.data[i]);
      if (difference <= floor) continue;
      const double term =
          larger_term<decltype(act)>(x.data[i], exact_slope<decltype(act)>(x.data[i]));
      const double size = term * std::abs(dy.data[i]);
      if (size == 0) {  // nothing may be there
        worst.ok = false;
        worst.error = 1;
        worst.tolerance = 0;
        return;
      }
      const double allowed = rounding + eps * (16 + 4 * std::abs(std::log(term)));
      const double error = difference / size;
      if (error * worst.tolerance <= worst.error * allowed) continue;
      worst.error = error;
      worst.tolerance = allowed;
    }
  });
  worst.ok = worst.ok && worst.error <= worst.tolerance;
  return worst;
}

}  // namespace gradepth
