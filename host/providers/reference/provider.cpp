#include "host/providers/reference/reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "host/problem/check_inputs.h"
#include "host/providers/factories.h"
#include "host/providers/reference/activation.h"
#include "host/providers/reference/math.h"
#include "host/text/not_finite.h"
#include "kernels/clip/rules.h"

namespace gradepth {
namespace reference {

template <class P>
ReferencePlan<P>::ReferencePlan(const P& problem, Rounding rounding)
    : p_(problem), rounding_(rounding) {
  // A limit is a number of the format too: 0.1f is not 0.1.
  if constexpr (requires { p_.clip_value; }) p_.clip_value = round_to(rounding_, p_.clip_value);
  for (const TensorSpec& spec : outputs(problem)) {
    Tensor tensor(spec.shape);
    // What a run forgets to write is seen.
    std::fill(tensor.data.begin(), tensor.data.end(), nan);
    out_.emplace(spec.name, std::move(tensor));
  }
}

template <class P>
void ReferencePlan<P>::set(const Tensors& in) {
  check_inputs(p_, in, in_.empty());
  for (const auto& [name, tensor] : in) {
    Tensor& kept = in_[name] = tensor;
    if (rounding_.flush_subnormals) round_all(rounding_, kept.data.data(), kept.size());
  }
}

template <class P>
Tensor ReferencePlan<P>::get(std::string_view name) {
  return out_.find(name)->second;
}

template <class P>
const double* ReferencePlan<P>::in(std::string_view name) const {
  return in_.find(name)->second.data.data();
}

template <class P>
double* ReferencePlan<P>::out(std::string_view name) {
  return out_.find(name)->second.data.data();
}

template class ReferencePlan<ActivationProblem>;
template class ReferencePlan<ClipProblem>;
template class ReferencePlan<RecurrentProblem>;
template class ReferencePlan<FeedForwardProblem>;

namespace {

class ActivationPlan final : public ReferencePlan<ActivationProblem> {
 public:
  using ReferencePlan::ReferencePlan;

  // f16 and bf16 are storage: the arithmetic is float64, and each result is rounded once.
  void run() override {
    with_arithmetic(has_16_bits(p_.dtype) ? Rounding{} : rounding_,
                    [&](auto number) { run_as(ActivationIn<decltype(number)>(p_.act)); });
  }

 private:
  template <class T>
  void run_as(const ActivationIn<T>& act) {
    const auto cols = static_cast<std::size_t>(p_.cols);
    const std::size_t n = static_cast<std::size_t>(p_.rows) * cols;
    const double* x = in("x");
    if (p_.pass == ActivationPass::forward) {
      double* y = out("y");
      for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<double>(act.value(T(x[i])));
      round_all(rounding_, y, n);
      return;
    }
    const double* y = in("y");
    const double* dy = in("dy");
    double* dx = out("dx");
    double saturated = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // In float64 too, where it judges what others make of the y that is given.
      const T slope = act.given_slope(p_.slope, T(x[i]), T(y[i]));
      dx[i] = static_cast<double>(T(dy[i]) * slope);
      using std::abs;
      saturated += abs(slope) < T(0.01) ? 1 : 0;
    }
    round_all(rounding_, dx, n);
    if (p_.count_saturated) *out("saturated") = saturated;
    if (!p_.bias_gradient) return;
    double* db = out("db");
    std::fill(db, db + cols, 0.0);
    for (std::size_t i = 0; i < n; ++i) db[i % cols] = add(rounding_, db[i % cols], dx[i]);
    round_all(rounding_, db, cols);
  }
};

class ClipPlan final : public ReferencePlan<ClipProblem> {
 public:
  using ReferencePlan::ReferencePlan;

  void run() override {
    const auto n = static_cast<std::size_t>(inputs(p_)[0].shape[0]);
    if (!rule_.has_norms()) {
      const double limit = round_to(rounding_, p_.threshold);
      update(0, n, [=](double g) { return clip(g, limit); });
      return;
    }
    *out("skipped") = 0;
    std::size_t norms = 0;
    if (rule_.scope == ClipScope::all) {
      by_norm(0, n, norms++);
      return;
    }
    std::size_t first = 0;
    for (std::size_t t = 0; t < p_.sizes.size(); ++t) {
      const auto size = static_cast<std::size_t>(p_.sizes[t]);
      if (rule_.scope == ClipScope::tensor) {
        by_norm(first, size, norms++);
      } else {
        const std::size_t units = p_.units.empty() ? 1 : static_cast<std::size_t>(p_.units[t]);
        const std::size_t fan_in = size / units;
        for (std::size_t at = first; at < first + size; at += fan_in) by_norm(at, fan_in, norms++);
      }
      first += size;
    }
  }

 private:
  /// Clips elements first … first + n by their norm, number `index` of all.
  void by_norm(std::size_t first, std::size_t n, std::size_t index) {
    const double norm = std::sqrt(sum_of_squares(in("g") + first, n));
    out("norm")[index] = norm;
    if (!std::isfinite(norm)) {
      *out("skipped") += 1;
      const std::vector<const char*> kept = p_.sgd ? std::vector{"w", "v"} : std::vector{"g"};
      for (const char* name : kept) std::copy_n(in(name) + first, n, out(name) + first);
      return;
    }
    ClipGroup group{.size = static_cast<double>(n)};
    if (rule_.reads_weights) group.weight = std::sqrt(sum_of_squares(in("w") + first, n));
    const double limit = rule_.limit(p_.threshold, group);
    const double scale = norm > limit ? limit / norm : 1.0;
    update(first, n, [=](double g) { return g * scale; });
  }

  /// What becomes of the clipped gradient.
  template <class Clip>
  void update(std::size_t first, std::size_t n, Clip clipped) {
    const double* g = in("g");
    for (std::size_t i = first; i < first + n; ++i) {
      if (!p_.sgd) {
        out("g")[i] = round_to(rounding_, clipped(g[i]));
      } else {
        const double v = p_.momentum * in("v")[i] + clipped(g[i]);
        out("v")[i] = round_to(rounding_, v);
        out("w")[i] = round_to(rounding_, in("w")[i] - p_.lr * v);
      }
    }
  }

  const ClipRule& rule_ = *p_.mode;
};

class ReferenceProvider final : public Provider {
 public:
  explicit ReferenceProvider(bool flush_subnormals) : flush_subnormals_(flush_subnormals) {}
  [[nodiscard]] std::string_view name() const override { return "reference"; }
  [[nodiscard]] std::string version() const override {
    return "plain loops in float64, or rounded after each operation";
  }
  [[nodiscard]] bool is_concurrent() const override { return true; }
  [[nodiscard]] Planned plan(const Problem& problem) override {
    return make_plan(problem, {dtype(problem), flush_subnormals_ && dtype(problem) == Dtype::f32});
  }

 private:
  bool flush_subnormals_;
};

}  // namespace

PlanPtr make_plan(const ActivationProblem& problem, Rounding rounding) {
  return std::make_unique<ActivationPlan>(problem, rounding);
}
PlanPtr make_plan(const ClipProblem& problem, Rounding rounding) {
  return std::make_unique<ClipPlan>(problem, rounding);
}
PlanPtr make_plan(const Problem& problem, Rounding rounding) {
  validate(problem);
  return std::visit([=](const auto& p) { return make_plan(p, rounding); }, problem);
}

}  // namespace reference

std::unique_ptr<Provider> make_reference_provider(const Context& context) {
  return std::make_unique<reference::ReferenceProvider>(context.flush_subnormals);
}

}  // namespace gradepth
