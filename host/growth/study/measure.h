#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "host/growth/laws/law.h"
#include "host/growth/laws/window.h"
#include "host/growth/states/states.h"
#include "host/growth/states/weight_gradient.h"
#include "host/growth/study/jacobian_growth.h"
#include "host/growth/study/spec.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/bound.h"
#include "host/growth/theory/theory.h"
#include "host/providers/provider.h"
#include "host/text/status.h"

/// Measures the gradient growth of one net: draws it, runs it on a provider, fits.
namespace gradepth::growth {

/// By depth 0 … L over seeds; not finite where the norm was 0 or not finite.
struct Spread {
  std::vector<double> median;
  std::vector<double> p10;
  std::vector<double> p90;
  std::vector<double> mean;
};

/// The keys of bench/ROWS.md under their names; all arrays by depth 0 … L, depth d is state L - d.
/// NaN and ±infinity stand for null.
struct GrowthResult {
  std::string name;
  std::string provider;
  Status status = Status::ok;  // ok, unsupported, error; the rest is empty unless ok
  std::string reason;          // of another status; else what the verdict and the rate leave out
  Spread ln_norm;
  NormsFrom norms_from = NormsFrom::recorded;
  std::vector<double> ratio;
  std::vector<double> ratio_squared_mean;
  std::vector<double> ratio_squared_variance;  // over seeds, NaN with one
  std::vector<double> ln_mean_square;          // ln of ratio_squared_mean, in range for any depth
  Interval rate;
  std::vector<double> rates;  // by seed: slope on the fit's window; NaN where none could be fitted
  std::vector<double> growths;  // by seed: ln of the growth over the whole way; not finite likewise
  Interval rate_slope;          // the two parts of the rate: from dL/dh to dL/da, by the slopes,
  Interval rate_weight;         // and from dL/da to the next dL/dh, by the weights
  std::vector<double> slope_part;   // the same of each map, mean over seeds; NaN at depth 0
  std::vector<double> weight_part;  // and where a seed's is not known
  Interval total;
  LawFit law;
  std::optional<Theory> theory;
  std::optional<Law> theory_law;
  std::optional<WindowStudy> window;  // where it was asked for
  std::optional<Bound> bound;
  Verdict verdict = Verdict::inconclusive;
  std::array<std::size_t, verdict_count> verdicts{};  // of each seed by itself
  std::optional<double> reach;
  std::vector<double> zero;  // mean over seeds, as the next three
  std::vector<double> subnormal;
  std::vector<double> nonfinite;
  std::vector<double> saturated;
  std::vector<double> open;           // mean over seeds
  std::vector<double> ln_open_paths;  // ln of the mean over seeds: the probability that one is open
  std::vector<double> forward_norm;   // median over seeds
  WeightGradient weight_gradient;     // over seeds
  std::optional<WeightTheory> weight_theory;
  JacobianGrowth jacobians;
};

/// Seeds run side by side where the provider can and memory allows, else one after the other. The
/// same spec gives the same result bit for bit; whatever the number of threads, if the provider was
/// made with Context.threads = 1 (several threads of `cpu` add up in another order).
///
/// A seed whose format runs out goes on by the renormalised pass (renormalised.h) from there.
/// Throws std::invalid_argument for a spec that make_problem or resolve refuses. A provider's
/// refusal or failure is the result's status. `cache` (may be null) keeps the draws of the weights
/// for further calls.
GrowthResult measure_growth(const GrowthSpec& spec, Provider& provider,
                            WeightCache* cache = nullptr);

/// Threads on which the provider can run seeds of the problem side by side, each with its weights
/// and states in memory; at least 1.
int concurrent_seeds(const Provider& provider, const Problem& problem);

}  // namespace gradepth::growth
