#pragma once

#include <memory>

#include "host/problem/problem.h"
#include "host/providers/provider.h"
#include "host/providers/reference/math.h"

/// The reference provider: plain loops that follow the formulas, in float64 or rounded to another
/// format after each operation; in activations and clips f16 and bf16 are storage, and only results
/// are rounded. Every other provider is compared with it; it is itself held against
/// finite differences and PyTorch's autograd (tests/providers/gradient_test.cpp,
/// tests/providers/golden_test.cpp).
namespace gradepth::reference {

/// `rounding` has the problem's dtype.
PlanPtr make_plan(const ActivationProblem& problem, Rounding rounding);
PlanPtr make_plan(const ClipProblem& problem, Rounding rounding);
PlanPtr make_plan(const RecurrentProblem& problem, Rounding rounding);
PlanPtr make_plan(const FeedForwardProblem& problem, Rounding rounding);
/// Of any problem, once it is validated.
PlanPtr make_plan(const Problem& problem, Rounding rounding);

/// Keeps inputs and outputs as float64 tensors; a plan adds what it computes. Elman and
/// feed-forward nets also give `a` [maps, B, ...], the arguments of f.
template <class P>
class ReferencePlan : public Plan {
 public:
  ReferencePlan(const P& problem, Rounding rounding);
  void set(const Tensors& in) override;
  Tensor get(std::string_view name) override;

 protected:
  /// The numbers of an input or output.
  [[nodiscard]] const double* in(std::string_view name) const;
  [[nodiscard]] double* out(std::string_view name);

  P p_;
  Rounding rounding_;

 private:
  Tensors in_;
  Tensors out_;
};

extern template class ReferencePlan<ActivationProblem>;
extern template class ReferencePlan<ClipProblem>;
extern template class ReferencePlan<RecurrentProblem>;
extern template class ReferencePlan<FeedForwardProblem>;

}  // namespace gradepth::reference
