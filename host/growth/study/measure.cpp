#include "host/growth/study/measure.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <sstream>
#include <stdexcept>

#include "host/growth/jacobians/renormalised.h"
#include "host/growth/knobs/knobs.h"
#include "host/growth/states/gradient_path.h"
#include "host/growth/states/open_paths.h"
#include "host/growth/states/states.h"
#include "host/growth/study/curve.h"
#include "host/growth/study/range.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/seeds.h"
#include "host/text/decimal.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

/// One seed's run; arrays by depth.
struct SeedGrowth {
  GradientPath path;  // absolute; infinite behind a state that is not finite
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
  seed.path = {std::move(norms.ln), ln_between(spec, plan, drawn)};
  seed.end = range_end(spec, h, c, dh, dc);
  if (seed.end.kind == RangeEnd::Kind::above) {
    // Slopes of NaN are numbers to some formulas, and their products look like gradients.
    std::fill(seed.path.states.begin() + static_cast<std::ptrdiff_t>(seed.end.depth),
              seed.path.states.end(), infinity);
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

double relative(const SeedGrowth& seed, std::size_t d) {
  return seed.path.states[d] - seed.path.states[0];
}

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

using End = RangeEnd::Kind;

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

/// Whether the parts are known wherever the curve is.
bool has_all_parts(const Curve& curve) {
  for (std::size_t d = 0; d < curve.ln_norm.size() && std::isfinite(curve.ln_norm[d]); ++d) {
    if (!std::isfinite(curve.slopes[d])) return false;
  }
  return true;
}

/// Who is to blame: the rate in two parts, where every seed's are known.
void summarise_parts(const std::vector<Curve>& curves, GrowthResult& result) {
  const std::size_t L = curves.front().ln_norm.size() - 1;
  const auto of = [&](std::vector<double> Curve::*part, Interval& rate,
                      std::vector<double>& by_depth) {
    std::vector<double> rates;
    rates.reserve(curves.size());
    for (const Curve& curve : curves) rates.push_back(window_slope(curve.*part));
    const bool known = std::all_of(curves.begin(), curves.end(), has_all_parts);
    rate = known ? mean_interval(rates) : Interval{nan, std::nullopt, std::nullopt};
    by_depth.assign(L + 1, nan);
    std::vector<double> column(curves.size());
    for (std::size_t d = 1; d <= L; ++d) {
      std::transform(curves.begin(), curves.end(), column.begin(),
                     [&](const Curve& curve) { return (curve.*part)[d] - (curve.*part)[d - 1]; });
      by_depth[d] = mean(column);
    }
  };
  of(&Curve::slopes, result.rate_slope, result.slope_part);
  of(&Curve::weights, result.rate_weight, result.weight_part);
}

double half_width(const Interval& x) { return x.low && x.high ? 0.5 * (*x.high - *x.low) : nan; }

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
  if (!(half_width(result.rate) <= spec.half_width) && spec.half_width > 0) {
    sentences.push_back("a half-width of " + readable(spec.half_width) + " takes more than " +
                        std::to_string(curves.size()) + " seeds");
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

/// The seeds of a study, drawn in one or several rounds.
class Seeds {
 public:
  Seeds(const GrowthSpec& spec, Provider& provider, WeightCache* cache)
      : spec_(spec),
        init_(resolve(spec)),
        problem_(make_problem(spec)),
        provider_(provider),
        cache_(cache) {}

  /// Runs further ones, until there are n.
  void draw_up_to(std::size_t n) {
    const std::size_t have = seeds_.size();
    seeds_.resize(n);
    for_each_seed(
        n - have, concurrent_seeds(provider_, problem_),
        [&] { return plan_or_refuse(provider_, problem_); },
        [&](const PlanPtr& plan, std::size_t i) {
          MeasuredSeed& seed = seeds_[have + i];
          const Tensors drawn = this->drawn(have + i);
          seed.facts = drawn_facts(spec_, drawn);
          seed.growth = run_seed(spec_, *plan, drawn);
          seed.jacobians = measure_jacobians(spec_, drawn, spec_.first_seed + have + i);
        });
    find_what_is_beyond();
    curves_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      const SeedGrowth& growth = seeds_[i].growth;
      curves_.push_back(whole_curve(spec_, growth.end, growth.path, beyond(i)));
    }
  }

  [[nodiscard]] std::size_t size() const { return seeds_.size(); }
  [[nodiscard]] const std::vector<Curve>& curves() const { return curves_; }
  /// Takes `part` out of each seed: once, when all are drawn.
  template <class Part>
  [[nodiscard]] std::vector<Part> take(Part MeasuredSeed::*part) {
    std::vector<Part> parts;
    parts.reserve(size());
    for (MeasuredSeed& seed : seeds_) parts.push_back(std::move(seed.*part));
    return parts;
  }
  /// The renormalised pass over seeds, where a format ran out and nobody had asked.
  [[nodiscard]] std::optional<Renormalised> unasked() const {
    return unasked_.empty() ? std::nullopt : renormalised_over_seeds(unasked_);
  }

 private:
  [[nodiscard]] Tensors drawn(std::size_t i) const {
    return draw(problem_, init_, spec_.first_seed + i, cache_);
  }
  [[nodiscard]] const GradientPath& beyond(std::size_t i) const {
    return unasked_.empty() ? seeds_[i].jacobians.renormalised : unasked_[i];
  }
  /// The renormalised backward pass of every seed, if a format ran out in one.
  void find_what_is_beyond() {
    const bool ended = std::any_of(seeds_.begin(), seeds_.end(), [](const MeasuredSeed& seed) {
      return seed.growth.end.kind != End::none;
    });
    if (!ended || spec_.renormalised) return;
    const std::size_t have = unasked_.size();
    unasked_.resize(size());
    for_each_seed(
        size() - have, concurrent_seeds(provider_, problem_), [] { return 0; },
        [&](int /*state*/, std::size_t i) {
          unasked_[have + i] = renormalised_path(spec_, drawn(have + i));
        });
  }

  const GrowthSpec& spec_;
  Initialisation init_;
  Problem problem_;
  Provider& provider_;
  WeightCache* cache_;
  std::vector<MeasuredSeed> seeds_;
  std::vector<GradientPath> unasked_;  // of every seed, or of none
  std::vector<Curve> curves_;
};

std::vector<double> rates(const Seeds& seeds) {
  std::vector<double> rates;
  rates.reserve(seeds.size());
  for (const Curve& curve : seeds.curves()) rates.push_back(window_slope(curve.ln_norm));
  return rates;
}

/// Draws spec.seeds, and more until the rate's interval is as narrow as spec.half_width asks, or
/// spec.max_seeds are there. How many depends on the draws alone.
void draw_all(const GrowthSpec& spec, Seeds& seeds) {
  seeds.draw_up_to(static_cast<std::size_t>(spec.seeds));
  const auto most = static_cast<std::size_t>(std::max(spec.max_seeds, spec.seeds));
  while (spec.half_width > 0 && seeds.size() < most) {
    const double excess = half_width(mean_interval(rates(seeds))) / spec.half_width;
    if (excess <= 1 || std::isnan(excess)) return;
    constexpr double margin = 1.05;     // the next round's deviation may be somewhat larger
    constexpr double most_at_once = 4;  // few seeds say little about the spread
    const double factor = std::min(margin * excess * excess, most_at_once);
    const double wanted = std::ceil(static_cast<double>(seeds.size()) * factor);
    seeds.draw_up_to(static_cast<std::size_t>(std::min(wanted, static_cast<double>(most))));
  }
}

void measure_into(const GrowthSpec& spec, Provider& provider, WeightCache* cache,
                  GrowthResult& result) {
  Seeds drawn(spec, provider, cache);
  draw_all(spec, drawn);
  const std::vector<SeedGrowth> seeds = drawn.take(&MeasuredSeed::growth);
  const std::vector<Curve>& curves = drawn.curves();
  result.rates = rates(drawn);
  for (const Curve& curve : curves) {
    result.growths.push_back(curve.ln_norm.back());
    ++result.verdicts.at(static_cast<std::size_t>(verdict_of(curve)));
  }
  const auto L = static_cast<std::size_t>(spec.depth);
  summarise_norms(seeds, L, result);
  for (const SeedGrowth& seed : seeds) {
    result.norms_from = std::max(result.norms_from, seed.norms_from);
  }
  summarise_states(seeds, L, result);
  summarise_weights(seeds, result);
  result.rate = mean_interval(result.rates);
  summarise_parts(curves, result);
  result.total = scaled(result.rate, static_cast<double>(L));
  const std::vector<DrawnFacts> facts = drawn.take(&MeasuredSeed::facts);
  std::vector<std::vector<double>> ways;
  ways.reserve(curves.size());
  for (const Curve& curve : curves) ways.push_back(curve.ln_norm);
  result.law = fit_law(ways, is_random(spec),
                       std::min(format(spec.dtype).epsilon, format(Dtype::f32).epsilon));
  result.theory = find_theory(spec, facts);
  if (result.theory) result.theory_law = law_of(*result.theory, L);
  if (spec.window) {
    const int threads = concurrent_seeds(provider, make_problem(spec));
    result.window = measure_window(spec, provider, threads, cache);
  }
  result.bound = find_bound(spec, facts);
  result.weight_theory = weight_theory(spec);
  const Interval growth = mean_interval(result.growths);
  result.verdict = verdict(spec, curves, growth);
  result.reason = explanation(spec, curves, result, growth);
  result.reach = reach(result.rate.value, L);
  result.jacobians = over_seeds(spec, drawn.take(&MeasuredSeed::jacobians));
  const bool ran_out =
      result.verdict == Verdict::overflowed || result.verdict == Verdict::underflowed;
  if (ran_out && spec.clip_value == 0) {
    if (auto unasked = drawn.unasked()) result.jacobians.renormalised = std::move(unasked);
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
