#include "host/growth/study/measure.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <sstream>
#include <stdexcept>

#include "host/growth/knobs/knobs.h"
#include "host/growth/states/open_paths.h"
#include "host/growth/states/states.h"
#include "host/growth/study/range.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/seeds.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

/// One seed's run; arrays by depth.
struct SeedGrowth {
  std::vector<double> ln_norm;  // absolute; infinite behind a state that is not finite
  RangeEnd end;
  NormsFrom norms_from = NormsFrom::recorded;
  std::vector<Fractions> fractions;
  std::vector<double> saturated;
  OpenPaths open_paths;
  std::vector<double> forward_norm;
  WeightGradient weight_gradient;
};

std::vector<Fractions> fractions_by_depth(const GrowthSpec& spec, const Tensor& dh,
                                          const Tensor& dc) {
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<Fractions> by_depth(L + 1);
  for (std::size_t d = 0; d <= L; ++d) {
    Fractions& f = by_depth[d];
    f = fractions(slice(dh, L - d), spec.dtype);
    if (dc.size() == 0) continue;
    const Fractions g = fractions(slice(dc, L - d), spec.dtype);
    f = {0.5 * (f.zero + g.zero), 0.5 * (f.subnormal + g.subnormal),
         0.5 * (f.nonfinite + g.nonfinite)};
  }
  return by_depth;
}

/// What a provider cannot do: run the problem, or show what is inside.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

PlanPtr plan_or_refuse(Provider& provider, const Problem& problem) {
  Planned planned = provider.plan(problem);
  if (const auto* unsupported = std::get_if<Unsupported>(&planned)) {
    throw Refusal(unsupported->reason);
  }
  return std::get<PlanPtr>(std::move(planned));
}

SeedGrowth run_seed(const GrowthSpec& spec, Plan& plan, const Tensors& drawn) {
  plan.set(drawn);
  plan.run();
  plan.wait();
  const Tensor h = plan.get("h");
  const Tensor dh = plan.get("dh");
  if (h.size() == 0 || dh.size() == 0) {
    throw Refusal("does not show the gradients of inner states");
  }
  const Tensor c = has_c(spec) ? plan.get("c") : Tensor{};
  const Tensor dc = has_c(spec) ? plan.get("dc") : Tensor{};
  SeedGrowth seed;
  StepNorms norms = step_norms(dh, dc, plan.get("dh_norm2"));
  seed.ln_norm = std::move(norms.ln);
  seed.end = range_end(spec, h, c, dh, dc);
  if (seed.end.kind == RangeEnd::Kind::above) {
    // Slopes of NaN are numbers to some formulas, and their products look like gradients.
    std::fill(seed.ln_norm.begin() + static_cast<std::ptrdiff_t>(seed.end.depth),
              seed.ln_norm.end(), infinity);
  }
  seed.norms_from = norms.from;
  seed.fractions = fractions_by_depth(spec, dh, dc);
  seed.forward_norm = ln_norms(h, c);
  const Tensor da = is_additive(spec) ? Tensor{} : plan.get("da");
  seed.saturated = saturated(spec, h, dh, da);
  seed.open_paths = open_paths(spec, h, dh, da);
  seed.weight_gradient = weight_gradient(spec, plan, drawn, h, dh);
  return seed;
}

/// f of each depth's values over seeds.
template <class Values, class Summary>
std::vector<double> over_seeds(std::size_t n, const std::vector<SeedGrowth>& seeds, Values values,
                               Summary summary) {
  std::vector<double> result(n);
  std::vector<double> column(seeds.size());
  for (std::size_t i = 0; i < n; ++i) {
    std::transform(seeds.begin(), seeds.end(), column.begin(),
                   [&](const SeedGrowth& seed) { return values(seed, i); });
    result[i] = summary(column);
  }
  return result;
}

double relative(const SeedGrowth& seed, std::size_t d) { return seed.ln_norm[d] - seed.ln_norm[0]; }

void summarise_norms(const std::vector<SeedGrowth>& seeds, std::size_t L, GrowthResult& result) {
  const auto at_quantile = [&](double q) {
    return over_seeds(L + 1, seeds, relative,
                      [q](const std::vector<double>& x) { return quantile(x, q); });
  };
  result.ln_norm = {at_quantile(0.5), at_quantile(0.1), at_quantile(0.9),
                    over_seeds(L + 1, seeds, relative, mean)};
  const auto ratio2 = [](const SeedGrowth& seed, std::size_t d) {
    return std::exp(2 * relative(seed, d));
  };
  result.ratio_squared_mean = over_seeds(L + 1, seeds, ratio2, mean);
  result.ratio_squared_variance = over_seeds(L + 1, seeds, ratio2, variance);
  result.ln_mean_square = over_seeds(
      L + 1, seeds, [](const SeedGrowth& seed, std::size_t d) { return 2 * relative(seed, d); },
      ln_mean_exp);
  result.ratio.resize(L + 1);
  for (std::size_t d = 0; d <= L; ++d) result.ratio[d] = std::exp(relative(seeds.front(), d));
}

void summarise_states(const std::vector<SeedGrowth>& seeds, std::size_t L, GrowthResult& result) {
  const auto fraction = [&](double Fractions::*part) {
    return over_seeds(
        L + 1, seeds,
        [part](const SeedGrowth& seed, std::size_t d) { return seed.fractions[d].*part; }, mean);
  };
  result.zero = fraction(&Fractions::zero);
  result.subnormal = fraction(&Fractions::subnormal);
  result.nonfinite = fraction(&Fractions::nonfinite);
  const auto member = [&](std::vector<double> SeedGrowth::*part, auto summary) {
    return over_seeds(
        L + 1, seeds, [part](const SeedGrowth& seed, std::size_t d) { return (seed.*part)[d]; },
        summary);
  };
  result.saturated = member(&SeedGrowth::saturated, mean);
  const auto of_paths = [&](std::vector<double> OpenPaths::*part, auto summary) {
    return over_seeds(
        L + 1, seeds,
        [part](const SeedGrowth& seed, std::size_t d) { return (seed.open_paths.*part)[d]; },
        summary);
  };
  result.open = of_paths(&OpenPaths::open, mean);
  result.ln_open_paths = of_paths(&OpenPaths::ln_paths, ln_mean_share);
  result.forward_norm = member(&SeedGrowth::forward_norm, median);
}

void summarise_weights(const std::vector<SeedGrowth>& seeds, GrowthResult& result) {
  std::vector<WeightGradient> of_seeds;
  of_seeds.reserve(seeds.size());
  for (const SeedGrowth& seed : seeds) of_seeds.push_back(seed.weight_gradient);
  result.weight_gradient = over_seeds(of_seeds);
}

using End = RangeEnd::Kind;

/// A seed's gradient over all depths: how it ended, and what is known behind that.
struct Curve {
  RangeEnd end;                 // `zero` only where it is 0 on paper
  std::vector<double> ln_norm;  // relative, by depth; -infinity where it is 0, NaN where unknown
  bool continued = false;       // behind the end, by the renormalised pass
};

/// `renormalised` is empty where there is none.
Curve whole_curve(const GrowthSpec& spec, const SeedGrowth& seed,
                  const std::vector<double>& renormalised) {
  Curve curve{seed.end, seed.ln_norm};
  for (double& v : curve.ln_norm) v -= seed.ln_norm[0];
  const std::size_t end = curve.end.depth;
  const bool known = !renormalised.empty();
  if (curve.end.kind == End::zero && !(known && std::isinf(renormalised[end]))) {
    curve.end.kind = End::below;
  }
  if (curve.end.kind == End::none || curve.end.kind == End::zero) return curve;
  curve.continued = known && spec.clip_value == 0;
  // The last depth that still says something; depth 0 is 0 by definition.
  const std::size_t last = std::max<std::size_t>(end, 1) - 1;
  const double reached = end == 0 ? 0 : curve.ln_norm[last];
  for (std::size_t d = end; d < curve.ln_norm.size(); ++d) {
    curve.ln_norm[d] = curve.continued ? reached + renormalised[d] - renormalised[last] : nan;
  }
  return curve;
}

/// Whether the net is drawn at random: what its gradient's growth depends on. The states do not
/// matter where every map is linear.
bool is_random(const GrowthSpec& spec) {
  const Initialisation& init = spec.init;
  const bool drawn_W = init.W.kind != WeightInit::Kind::identity &&
                       init.W.kind != WeightInit::Kind::constant &&
                       init.W.kind != WeightInit::Kind::file;
  const bool linear = is_additive(spec) || is_linear(spec.activation);
  const auto drawn = [](const ValueInit& v) {
    return v.kind == ValueInit::Kind::gaussian && v.scale != 0;
  };
  const bool drawn_states = drawn(init.bias) || drawn(init.h0) || spec.h0_fixed_point ||
                            init.chrono != 0 || init.is_driven_at(1);
  return drawn_W || init.density != 1 || (!linear && drawn_states);
}

Verdict verdict_of(const Curve& curve) {
  switch (curve.end.kind) {
    case End::above:
      return Verdict::overflowed;
    case End::below:
      return Verdict::underflowed;
    case End::zero:
      return Verdict::zero;
    case End::none:
      break;
  }
  return judge({curve.ln_norm.back(), std::nullopt, std::nullopt});
}

std::size_t count(const std::vector<Curve>& curves, End kind) {
  return static_cast<std::size_t>(std::count_if(
      curves.begin(), curves.end(), [=](const Curve& curve) { return curve.end.kind == kind; }));
}

/// The verdict over all seeds: a format that ran out in one seed is worth saying; a gradient that
/// is itself 0 decides if it is so in at least half of the seeds.
Verdict verdict(const GrowthSpec& spec, const std::vector<Curve>& curves, const Interval& growth) {
  if (count(curves, End::above) > 0) return Verdict::overflowed;
  if (count(curves, End::below) > 0) return Verdict::underflowed;
  if (2 * count(curves, End::zero) >= curves.size()) return Verdict::zero;
  constexpr std::int64_t shallow = 4;
  if (spec.depth < shallow) return Verdict::too_shallow;
  if (!growth.low && is_random(spec)) return Verdict::inconclusive;
  return judge(growth);
}

std::string of_seeds(std::size_t n, std::size_t all) {
  return std::to_string(n) + " of " + std::to_string(all) + (all == 1 ? " seed" : " seeds");
}

/// What verdict and rate leave out, in words; empty where they say all.
std::string explanation(const GrowthSpec& spec, const std::vector<Curve>& curves,
                        const GrowthResult& result, const Interval& growth) {
  std::vector<std::string> sentences;
  std::size_t first = static_cast<std::size_t>(spec.depth) + 1;
  std::size_t ran_out = 0;
  std::size_t continued = 0;
  for (const Curve& curve : curves) {
    if (curve.end.kind != End::above && curve.end.kind != End::below) continue;
    ++ran_out;
    continued += curve.continued ? 1 : 0;
    first = std::min(first, curve.end.depth);
  }
  if (ran_out > 0) {
    sentences.push_back(of_seeds(ran_out, curves.size()) + " left the range of " +
                        std::string(name(spec.dtype)) + ", from depth " + std::to_string(first) +
                        " on; " +
                        (continued == ran_out ? "the rate goes on"
                         : continued == 0     ? "no rate goes on"
                                              : std::to_string(continued) + " go on") +
                        " in float64, rescaled at every step");
  }
  if (const std::size_t zeros = count(curves, End::zero); zeros > 0) {
    sentences.push_back("the gradient of " + of_seeds(zeros, curves.size()) +
                        " becomes 0; the rate is of what comes before");
  }
  const bool judged = result.verdict == judge(growth) && result.verdict != Verdict::inconclusive;
  if (judged && std::isfinite(result.total.value)) {
    const Verdict of_fit = judge(result.total);
    if (of_fit != result.verdict && of_fit != Verdict::inconclusive) {
      const Window window = fit_window(static_cast<std::size_t>(spec.depth));
      std::ostringstream text;
      text.precision(3);
      text << "the whole way is ln " << growth.value << ", the fit over depths " << window.first
           << " to " << window.last << " alone says " << name(of_fit) << ": " << result.total.value;
      sentences.push_back(text.str());
    }
  }
  std::string all;
  for (const std::string& sentence : sentences) all += (all.empty() ? "" : "; ") + sentence;
  return all;
}

/// A seed, and what theory takes from its drawn numbers.
struct MeasuredSeed {
  SeedGrowth growth;
  DrawnFacts facts;
  SeedJacobians jacobians;
};

std::vector<MeasuredSeed> run_seeds(const GrowthSpec& spec, const Initialisation& init,
                                    Provider& provider, WeightCache* cache) {
  const Problem problem = make_problem(spec);
  std::vector<MeasuredSeed> seeds(static_cast<std::size_t>(spec.seeds));
  for_each_seed(
      seeds.size(), concurrent_seeds(provider, problem),
      [&] { return plan_or_refuse(provider, problem); },
      [&](const PlanPtr& plan, std::size_t i) {
        const Tensors drawn = draw(problem, init, spec.first_seed + i, cache);
        seeds[i].facts = drawn_facts(spec, drawn);
        seeds[i].growth = run_seed(spec, *plan, drawn);
        seeds[i].jacobians = measure_jacobians(spec, drawn, spec.first_seed + i);
      });
  return seeds;
}

/// The renormalised backward pass of every seed, where a format ran out and nobody had asked.
std::vector<SeedJacobians> beyond_the_format(GrowthSpec spec, const Initialisation& init,
                                             const Provider& provider, WeightCache* cache) {
  spec.renormalised = true;
  spec.lyapunov = 0;
  spec.singular_values = spec.transient = false;
  const Problem problem = make_problem(spec);
  std::vector<SeedJacobians> seeds(static_cast<std::size_t>(spec.seeds));
  for_each_seed(
      seeds.size(), concurrent_seeds(provider, problem), [] { return 0; },
      [&](int /*state*/, std::size_t i) {
        const std::uint64_t seed = spec.first_seed + i;
        seeds[i] = measure_jacobians(spec, draw(problem, init, seed, cache), seed);
      });
  return seeds;
}

void measure_into(const GrowthSpec& spec, Provider& provider, WeightCache* cache,
                  GrowthResult& result) {
  const Initialisation init = resolve(spec);
  std::vector<SeedGrowth> seeds;
  std::vector<SeedJacobians> jacobians;
  std::vector<DrawnFacts> facts;
  for (MeasuredSeed& seed : run_seeds(spec, init, provider, cache)) {
    facts.push_back(seed.facts);
    seeds.push_back(std::move(seed.growth));
    jacobians.push_back(std::move(seed.jacobians));
  }
  const bool ended = std::any_of(seeds.begin(), seeds.end(),
                                 [](const SeedGrowth& seed) { return seed.end.kind != End::none; });
  std::vector<SeedJacobians> unasked;
  if (ended && !spec.renormalised) unasked = beyond_the_format(spec, init, provider, cache);
  const std::vector<SeedJacobians>& beyond = unasked.empty() ? jacobians : unasked;
  std::vector<Curve> curves;
  std::vector<double> growths;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    curves.push_back(whole_curve(spec, seeds[i], beyond[i].renormalised));
    result.rates.push_back(window_slope(curves[i].ln_norm));
    growths.push_back(curves[i].ln_norm.back());
    ++result.verdicts.at(static_cast<std::size_t>(verdict_of(curves[i])));
  }
  const auto L = static_cast<std::size_t>(spec.depth);
  summarise_norms(seeds, L, result);
  for (const SeedGrowth& seed : seeds) {
    result.norms_from = std::max(result.norms_from, seed.norms_from);
  }
  summarise_states(seeds, L, result);
  summarise_weights(seeds, result);
  result.rate = mean_interval(result.rates);
  result.total = scaled(result.rate, static_cast<double>(L));
  result.theory = find_theory(spec, facts);
  result.bound = find_bound(spec, facts);
  result.weight_theory = weight_theory(spec);
  const Interval growth = mean_interval(growths);
  result.verdict = verdict(spec, curves, growth);
  result.reason = explanation(spec, curves, result, growth);
  result.reach = reach(result.rate.value, L);
  result.jacobians = over_seeds(spec, jacobians);
  const bool ran_out =
      result.verdict == Verdict::overflowed || result.verdict == Verdict::underflowed;
  if (ran_out && !spec.renormalised && spec.clip_value == 0) {
    result.jacobians.renormalised = renormalised_over_seeds(beyond);
  }
}

}  // namespace

int concurrent_seeds(const Provider& provider, const Problem& problem) {
  if (!provider.is_concurrent()) return 1;
  // Drawn, the plan's copy and its own, dW, and what is read back; all in float64.
  const double one_seed = 6 * working_set(problem) * (dtype(problem) == Dtype::f64 ? 1.0 : 2.0) + 1;
  return threads_within_memory(one_seed);
}

GrowthResult measure_growth(const GrowthSpec& spec, Provider& provider, WeightCache* cache) {
  if (spec.seeds < 1) throw std::invalid_argument("seeds: a whole number from 1 on");
  (void)resolve(spec);  // refuses before the provider is asked
  GrowthResult result;
  result.provider = provider.name();
  result.name = row_name(spec, provider.name());
  try {
    measure_into(spec, provider, cache, result);
  } catch (const Refusal& refusal) {
    result.status = Status::unsupported;
    result.reason = refusal.what();
  } catch (const std::invalid_argument&) {
    throw;  // bad input: the weights do not fit the net
  } catch (const std::bad_alloc&) {
    result.status = Status::error;
    result.reason = "not enough memory";
  } catch (const std::exception& error) {
    result.status = Status::error;
    result.reason = error.what();
  }
  return result;
}

}  // namespace gradepth::growth
