#include "host/growth/measure.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>

#include "host/growth/pytorch.h"
#include "host/growth/seeds.h"
#include "host/growth/states.h"
#include "host/not_finite.h"

namespace gradepth::growth {
namespace {

/// One seed's run; arrays by depth.
struct SeedGrowth {
  std::vector<double> ln_norm;  // absolute
  NormsFrom norms_from = NormsFrom::recorded;
  std::vector<Fractions> fractions;
  std::vector<double> saturated;
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
  const bool lstm = spec.net == "lstm";
  const Tensor h = plan.get("h");
  const Tensor dh = plan.get("dh");
  if (h.size() == 0 || dh.size() == 0) {
    throw Refusal("does not show the gradients of inner states");
  }
  const Tensor c = lstm ? plan.get("c") : Tensor{};
  const Tensor dc = lstm ? plan.get("dc") : Tensor{};
  SeedGrowth seed;
  StepNorms norms = step_norms(dh, dc, plan.get("dh_norm2"));
  seed.ln_norm = std::move(norms.ln);
  seed.norms_from = norms.from;
  seed.fractions = fractions_by_depth(spec, dh, dc);
  seed.forward_norm = ln_norms(h, c);
  seed.saturated = saturated(spec, h, dh, spec.net == "additive" ? Tensor{} : plan.get("da"));
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

double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

/// Median; NaN if a value is NaN.
double median(const std::vector<double>& x) {
  return std::any_of(x.begin(), x.end(), [](double v) { return std::isnan(v); }) ? nan
                                                                                 : quantile(x, 0.5);
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
  result.forward_norm = member(&SeedGrowth::forward_norm, median);
}

void summarise_weights(const std::vector<SeedGrowth>& seeds, GrowthResult& result) {
  std::vector<WeightGradient> of_seeds;
  for (const SeedGrowth& seed : seeds) of_seeds.push_back(seed.weight_gradient);
  result.weight_gradient = over_seeds(of_seeds);
}

bool has_zero(const SeedGrowth& seed) {
  return std::any_of(seed.ln_norm.begin(), seed.ln_norm.end(),
                     [](double v) { return std::isinf(v) && v < 0; });
}

bool has_nonfinite(const SeedGrowth& seed) {
  return std::any_of(seed.fractions.begin(), seed.fractions.end(),
                     [](const Fractions& f) { return f.nonfinite > 0; });
}

/// Whether the 0 of seed number `index` is the format's doing: the float64 gradient is not 0 where
/// this one is. Where even float64 reaches 0, the size of the last norm decides.
bool is_underflow(const GrowthSpec& spec, const Initialisation& init, const SeedGrowth& seed,
                  std::uint64_t number, Provider* reference) {
  if (spec.dtype == Dtype::f64 || reference == nullptr) {
    return looks_underflowed(seed.ln_norm, spec.dtype);
  }
  GrowthSpec exact = spec;
  exact.dtype = Dtype::f64;
  const Problem problem = make_problem(exact);
  Planned planned = reference->plan(problem);
  auto* plan = std::get_if<PlanPtr>(&planned);
  if (plan == nullptr) return looks_underflowed(seed.ln_norm, spec.dtype);
  const SeedGrowth truth = run_seed(exact, **plan, draw(problem, init, number));
  for (std::size_t d = 0; d < seed.ln_norm.size(); ++d) {
    if (std::isinf(seed.ln_norm[d]) && std::isfinite(truth.ln_norm[d])) return true;
  }
  return looks_underflowed(truth.ln_norm, Dtype::f64);
}

/// The verdict over all seeds: a format that ran out in one seed is worth saying; a gradient that
/// is itself 0 decides if it is so in at least half of the seeds.
Verdict verdict(const GrowthSpec& spec, const Initialisation& init,
                const std::vector<SeedGrowth>& seeds, const Interval& total, Provider* reference) {
  if (std::any_of(seeds.begin(), seeds.end(), has_nonfinite)) return Verdict::overflowed;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (!has_zero(seeds[i])) continue;
    if (is_underflow(spec, init, seeds[i], spec.first_seed + i, reference)) {
      return Verdict::underflowed;
    }
    ++zeros;
  }
  if (2 * zeros >= seeds.size() && zeros > 0) return Verdict::zero;
  return judge(total);
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

/// The renormalised backward pass of every seed, where the format ran out and nobody had asked.
std::optional<Renormalised> beyond_the_format(GrowthSpec spec, const Initialisation& init,
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
  return renormalised_over_seeds(seeds);
}

void measure_into(const GrowthSpec& spec, Provider& provider, Provider* reference,
                  WeightCache* cache, GrowthResult& result) {
  const Initialisation init = resolve(spec);
  std::vector<SeedGrowth> seeds;
  std::vector<SeedJacobians> jacobians;
  std::vector<double> slopes;
  std::vector<DrawnFacts> facts;
  for (MeasuredSeed& seed : run_seeds(spec, init, provider, cache)) {
    slopes.push_back(window_slope(seed.growth.ln_norm));
    facts.push_back(seed.facts);
    seeds.push_back(std::move(seed.growth));
    jacobians.push_back(std::move(seed.jacobians));
  }
  const auto L = static_cast<std::size_t>(spec.depth);
  summarise_norms(seeds, L, result);
  for (const SeedGrowth& seed : seeds) {
    result.norms_from = std::max(result.norms_from, seed.norms_from);
  }
  summarise_states(seeds, L, result);
  summarise_weights(seeds, result);
  result.rate = mean_interval(slopes);
  result.rates = std::move(slopes);
  result.total = scaled(result.rate, static_cast<double>(L));
  result.theory = find_theory(spec, facts);
  result.bound = find_bound(spec, facts);
  result.weight_theory = weight_theory(spec);
  result.verdict = verdict(spec, init, seeds, result.total, reference);
  result.reach = reach(result.rate.value, L);
  result.jacobians = over_seeds(spec, jacobians);
  const bool ran_out =
      result.verdict == Verdict::overflowed || result.verdict == Verdict::underflowed;
  if (ran_out && !spec.renormalised && spec.clip_value == 0) {
    result.jacobians.renormalised = beyond_the_format(spec, init, provider, cache);
  }
}

}  // namespace

int concurrent_seeds(const Provider& provider, const Problem& problem) {
  if (!provider.is_concurrent()) return 1;
  // Drawn, the plan's copy and its own, dW, and what is read back; all in float64.
  const double one_seed = 6 * working_set(problem) * (dtype(problem) == Dtype::f64 ? 1.0 : 2.0) + 1;
  return threads_within_memory(one_seed);
}

std::string row_name(const GrowthSpec& spec, std::string_view provider) {
  const Initialisation& init = spec.init;
  std::string drawn = init.weights ? label(*init.weights) : text(init.W);
  if (init.bias.scale != 0) drawn += "_b-" + text(init.bias);
  if (init.forget_bias != 0) {
    drawn += "_bf-" + text(ValueInit{ValueInit::Kind::constant, init.forget_bias});
  }
  if (spec.h0_fixed_point) drawn += "_h0-fixed-point";
  if (!spec.h0_fixed_point && text(init.h0) != "gaussian:1") drawn += "_h0-" + text(init.h0);
  if (init.input == Initialisation::Input::gaussian) drawn += "_driven";
  if (init.input == Initialisation::Input::impulse) drawn += "_impulse";
  if (init.density != 1) drawn += "_sparse";
  if (init.loss == Initialisation::LossGradient::ones) drawn += "_ones";
  return gradepth::name(make_problem(spec)) + '/' + drawn + '/' + std::string(provider);
}

GrowthResult measure_growth(const GrowthSpec& spec, Provider& provider, Provider* reference,
                            WeightCache* cache) {
  if (spec.seeds < 1) throw std::invalid_argument("--seeds: a whole number from 1 on");
  (void)resolve(spec);  // refuses before the provider is asked
  GrowthResult result;
  result.provider = provider.name();
  result.name = row_name(spec, provider.name());
  try {
    measure_into(spec, provider, reference, cache, result);
  } catch (const Refusal& refusal) {
    result.status = "unsupported";
    result.reason = refusal.what();
  } catch (const std::invalid_argument&) {
    throw;  // bad input: the weights do not fit the net
  } catch (const std::bad_alloc&) {
    result.status = "error";
    result.reason = "not enough memory";
  } catch (const std::exception& error) {
    result.status = "error";
    result.reason = error.what();
  }
  return result;
}

}  // namespace gradepth::growth
