#pragma once

#include <string>

#include "host/growth/study/measure.h"
#include "host/growth/study/spec.h"
#include "host/problem/problem.h"
#include "host/providers/provider.h"

/// What the claims measure with.
namespace gradepth::growth::claims {

inline const Providers& providers() {
  static const Providers all = make_providers({});
  return all;
}

inline Provider& reference() { return *find(providers(), "reference"); }

/// One seed in float64.
inline GrowthSpec net(const std::string& name, Activation activation, WeightInit::Kind kind,
                      double scale) {
  GrowthSpec spec;
  spec.net = Net::find(name).value();
  spec.activation = activation;
  spec.init.W = {kind, scale, {}};
  spec.dtype = Dtype::f64;
  spec.seeds = 1;
  return spec;
}

inline GrowthResult measure(const GrowthSpec& spec) { return measure_growth(spec, reference()); }

/// A plan that has run on the tensors; nullptr where the provider does not run the problem.
inline PlanPtr run(Provider& provider, const Problem& problem, const Tensors& in) {
  Planned planned = provider.plan(problem);
  if (!std::holds_alternative<PlanPtr>(planned)) return nullptr;
  PlanPtr plan = std::get<PlanPtr>(std::move(planned));
  plan->set(in);
  plan->run();
  plan->wait();
  return plan;
}

}  // namespace gradepth::growth::claims
