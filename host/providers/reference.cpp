#include "host/providers/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/check_inputs.h"
#include "host/providers/factories.h"
#include "host/providers/reference_math.h"
#include "kernels/activation.h"

namespace gradepth {
namespace reference {

template <class P>
ReferencePlan<P>::ReferencePlan(const P& problem) : p_(problem) {
  // A limit is a number of the format too: 0.1f is not 0.1.
  if constexpr (requires { p_.clip_value; }) p_.clip_value = round_to(p_.dtype, p_.clip_value);
  for (const TensorSpec& spec : outputs(problem)) {
    Tensor tensor(spec.shape);
    // What a run forgets to write is seen.
    std::fill(tensor.data.begin(), tensor.data.end(), std::numeric_limits<double>::quiet_NaN());
    out_.emplace(spec.name, std::move(tensor));
  }
}

template <class P>
void ReferencePlan<P>::set(const Tensors& in) {
  check_inputs(p_, in, in_.empty());
  for (const auto& [name, tensor] : in) in_.insert_or_assign(name, tensor);
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

  void run() override {
    with_arithmetic(p_.dtype, [&](auto number) {
      with_activation(p_.act, [&](auto act) { run_as<decltype(number)>(act); });
    });
  }

 private:
  template <class T, class Act>
  void run_as(Act /*act*/) {
    const auto cols = static_cast<std::size_t>(p_.cols);
    const std::size_t n = static_cast<std::size_t>(p_.rows) * cols;
    const double* x = in("x");
    if (p_.pass == Pass::forward) {
      double* y = out("y");
      for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<double>(Act::value(T(x[i])));
      return;
    }
    const double* y = in("y");
    const double* dy = in("dy");
    double* dx = out("dx");
    for (std::size_t i = 0; i < n; ++i) {
      dx[i] = static_cast<double>(T(dy[i]) * Act::slope(T(x[i]), T(y[i])));
    }
    if (!p_.bias_gradient) return;
    double* db = out("db");
    std::fill(db, db + cols, 0.0);
    for (std::size_t i = 0; i < n; ++i) db[i % cols] += dx[i];
    round_all(p_.dtype, db, cols);
  }
};

class ClipPlan final : public ReferencePlan<ClipProblem> {
 public:
  using ReferencePlan::ReferencePlan;

  void run() override {
    const auto n = static_cast<std::size_t>(inputs(p_)[0].shape[0]);
    const double* g = in("g");
    double* clipped = out("g");
    if (p_.mode == "value") {
      const double limit = round_to(p_.dtype, p_.threshold);
      std::transform(g, g + n, clipped, [=](double x) { return clip(x, limit); });
      return;
    }
    const double norm = std::sqrt(sum_of_squares(g, n));
    const bool skip = !std::isfinite(norm);
    const double scale = skip || norm <= p_.threshold ? 1.0 : p_.threshold / norm;
    std::transform(g, g + n, clipped, [&](double x) { return round_to(p_.dtype, x * scale); });
    *out("norm") = norm;
    *out("skipped") = skip ? 1 : 0;
  }
};

class ReferenceProvider final : public Provider {
 public:
  [[nodiscard]] std::string_view name() const override { return "reference"; }
  [[nodiscard]] std::string version() const override {
    return "plain loops in float64, or rounded after each operation";
  }
  [[nodiscard]] Planned plan(const Problem& problem) override {
    validate(problem);
    return std::visit([](const auto& p) { return make_plan(p); }, problem);
  }
};

}  // namespace

PlanPtr make_plan(const ActivationProblem& problem) {
  return std::make_unique<ActivationPlan>(problem);
}
PlanPtr make_plan(const ClipProblem& problem) { return std::make_unique<ClipPlan>(problem); }

}  // namespace reference

std::unique_ptr<Provider> make_reference_provider(const Context& /*context*/) {
  return std::make_unique<reference::ReferenceProvider>();
}

}  // namespace gradepth
