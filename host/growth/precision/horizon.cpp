#include "host/growth/precision/horizon.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "host/growth/precision/loss_scale.h"
#include "host/growth/states/states.h"
#include "host/growth/study/range.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/seeds.h"
#include "host/growth/study/statistics.h"
#include "host/problem/exact_activation.h"
#include "host/problem/rounded.h"
#include "host/providers/reference/reference.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

/// The formats, in the order of the results.
constexpr std::array formats{Rounding{Dtype::f32}, Rounding{Dtype::f32, true},
                             Rounding{Dtype::bf16}, Rounding{Dtype::f16}};

/// Least positive number that the format holds.
double least(Rounding rounding) {
  const Format f = format(rounding.dtype);
  return rounding.flush_subnormals ? f.min_normal : f.min_normal * f.epsilon;
}

/// dL/d state by depth; for an LSTM that of h, then that of c.
using Gradients = std::vector<std::vector<double>>;

/// Sizes of the float64 gradient at one depth, of the elements that are not 0; NaN if all are.
struct Magnitudes {
  double median = nan;   // the one whose loss makes half of the elements 0
  double typical = nan;  // of what the norm is made of
  double largest = nan;
};

/// What a seed's float64 run says.
struct Truth {
  std::vector<std::vector<bool>> nonzero;  // by depth, element by element
  std::vector<Magnitudes> sizes;           // by depth
  Tensor h;                                // [L+1, …]
};

/// One net of one seed in one format: forward once, backward with any loss scale.
class Run {
 public:
  /// `drawn` in float64 with loss scale 1.
  Run(const GrowthSpec& spec, Rounding rounding, const Tensors& drawn)
      : L_(static_cast<std::size_t>(spec.depth)), has_c_(has_c(spec)), dtype_(rounding.dtype) {
    GrowthSpec in_format = spec;
    in_format.dtype = dtype_;
    plan_ = reference::make_plan(make_problem(in_format), rounding);
    Tensors rounded = drawn;
    for (auto& entry : rounded) scale(entry.second, 1);
    for (const char* name : {"dy", "dc"}) {
      if (drawn.contains(name)) loss_[name] = drawn.at(name);
    }
    plan_->set(rounded);
    plan_->run_forward();
  }

  [[nodiscard]] Tensor states() { return plan_->get("h"); }
  /// Of a plain chain.
  [[nodiscard]] Tensor preactivations() { return plan_->get("a"); }
  [[nodiscard]] std::size_t behind_a_lost_state() {
    return first_behind_a_lost_state(states(), has_c_ ? plan_->get("c") : Tensor{});
  }

  [[nodiscard]] Gradients backward(double loss_scale) {
    Tensors loss = loss_;
    for (auto& entry : loss) scale(entry.second, loss_scale);
    plan_->set(loss);
    if (plan_->has_parts()) {
      plan_->run_backward_data();
    } else {
      plan_->run_backward();
    }
    const Tensor dh = plan_->get("dh");
    const Tensor dc = has_c_ ? plan_->get("dc") : Tensor{};
    Gradients by_depth(L_ + 1);
    for (std::size_t d = 0; d <= L_; ++d) {
      const auto of_h = slice(dh, L_ - d);
      by_depth[d].assign(of_h.begin(), of_h.end());
      if (!has_c_) continue;
      const auto of_c = slice(dc, L_ - d);
      by_depth[d].insert(by_depth[d].end(), of_c.begin(), of_c.end());
    }
    return by_depth;
  }

 private:
  void scale(Tensor& tensor, double factor) const {
    for (double& x : tensor.data) x = round_to(dtype_, factor * x);
  }

  std::size_t L_;
  bool has_c_;
  Dtype dtype_;
  Tensors loss_;
  PlanPtr plan_;
};

Magnitudes magnitudes(const std::vector<double>& gradient) {
  std::vector<double> sizes;
  for (const double x : gradient) {
    if (x != 0) sizes.push_back(std::abs(x));
  }
  if (sizes.empty()) return {};
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>((sizes.size() - 1) / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  const double median = *middle;
  return {median, typical_size({gradient}), *std::max_element(middle, sizes.end())};
}

Truth find_truth(const GrowthSpec& spec, const Tensors& drawn) {
  Run run(spec, {Dtype::f64}, drawn);
  Truth truth;
  for (const std::vector<double>& gradient : run.backward(1)) {
    std::vector<bool> nonzero(gradient.size());
    std::transform(gradient.begin(), gradient.end(), nonzero.begin(),
                   [](double x) { return x != 0; });
    truth.nonzero.push_back(std::move(nonzero));
    truth.sizes.push_back(magnitudes(gradient));
  }
  truth.h = run.states();
  return truth;
}

enum class Outcome : std::uint8_t { kept, below, overflowed };

Outcome outcome(const std::vector<double>& gradient, const std::vector<bool>& nonzero,
                Rounding rounding) {
  std::size_t kept = 0;
  std::size_t gone = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    if (!std::isfinite(gradient[i])) return Outcome::overflowed;
    if (nonzero[i]) ++(gradient[i] == 0 ? gone : kept);
  }
  const bool zeroed = gone > 0 && gone >= kept;
  return zeroed || has_lost_digits({gradient}, rounding) ? Outcome::below : Outcome::kept;
}

/// `behind` is the first depth behind a state that is not finite.
LostAt find_lost(const Gradients& gradients, const Truth& truth, Rounding rounding,
                 std::size_t behind) {
  for (std::size_t d = 0; d < gradients.size(); ++d) {
    if (d >= behind) return {d, true};
    const Outcome found = outcome(gradients[d], truth.nonzero[d], rounding);
    if (found != Outcome::kept) return {d, found == Outcome::overflowed};
  }
  return {gradients.size(), false};
}

/// What a seed's run in one format says.
struct SeedHorizon {
  std::vector<Fractions> fractions;
  std::vector<double> dead_slope;
  LostAt lost;
};

/// Shares of slopes that are 0 in the format, not in float64, by depth: those of the run, from its
/// states or, with slopes from the input, from its pre-activations.
std::vector<double> dead_slopes(const GrowthSpec& spec, Rounding rounding, Run& run,
                                const Tensor& exact_h) {
  const Tensor h = run.states();
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<double> by_depth(L + 1, nan);
  const bool preact = is_preact(spec);
  const bool stored = is_plain_chain(spec);
  with_activation(spec.activation, [&](auto act) {
    using Act = decltype(act);
    if (!preact && !(stored && has_slope_from_output<Act>)) return;
    const bool from_input = !preact && spec.slope == SlopeFrom::input;
    const Tensor a = from_input ? run.preactivations() : Tensor{};
    const auto slope_of = [&](auto state) {
      if constexpr (has_slope_from_output<Act>) {
        if (!preact) return Act::slope_from_output(state);
      }
      return Act::slope(state);
    };
    with_arithmetic(rounding, [&](auto number) {
      using T = decltype(number);
      for (std::size_t d = 1; d <= L; ++d) {
        const std::size_t state = preact ? L - d : L - d + 1;
        const auto got = slice(h, state);
        const auto exact = slice(exact_h, state);
        std::size_t dead = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
          const bool is_flat = has_flat_part<Act>() && slope_of(exact[i]) == 0;
          const T slope = from_input ? Act::slope(T(slice(a, L - d)[i])) : slope_of(T(got[i]));
          dead += slope == T(0) && !is_flat ? 1 : 0;
        }
        by_depth[d] = static_cast<double>(dead) / static_cast<double>(got.size());
      }
    });
  });
  return by_depth;
}

/// The depth at which a gradient of these sizes is lost when multiplied by 2^exponent.
std::size_t expected_lost_depth(const std::vector<Magnitudes>& sizes, Rounding rounding,
                                int exponent) {
  const double too_large = std::ldexp(format(rounding.dtype).max, -exponent);
  // Half of the least number still rounds to it.
  const double too_small =
      std::ldexp(least(rounding), -exponent) * (rounding.flush_subnormals ? 1 : 0.5);
  const double without_digits = std::ldexp(least_with_digits(rounding), -exponent);
  // Written so that a NaN, a gradient of zeros, is not lost.
  const auto lost = std::find_if(sizes.begin(), sizes.end(), [&](const Magnitudes& size) {
    return size.median < too_small || size.typical < without_digits || size.largest > too_large;
  });
  return static_cast<std::size_t>(lost - sizes.begin());
}

/// The search for the format's best scale, begun from what the seeds' float64 gradients say.
ScaleSearch begin_search(Rounding rounding, const std::vector<Truth>& truths) {
  double largest = 0;
  for (const Truth& truth : truths) largest = std::max(largest, truth.sizes[0].largest);
  const int size = largest > 0 ? std::ilogb(largest) : 0;
  // Outside of these powers the loss gradient itself is lost.
  const int first = std::ilogb(least(rounding)) - size - 2;
  const int last = std::ilogb(format(rounding.dtype).max) - size + 1;
  Trials expected;
  for (int k = first; k <= last; ++k) {
    for (const Truth& truth : truths) {
      expected[k].push_back({expected_lost_depth(truth.sizes, rounding, k), false});
    }
  }
  return {truths.front().sizes.size(), first, best_exponent(expected), last};
}

/// Draws and runs the spec's seeds.
class Study {
 public:
  explicit Study(const GrowthSpec& spec) : spec_(spec), exact_(spec), init_(resolve(spec)) {
    init_.loss_scale = 1;
    exact_.dtype = Dtype::f64;
  }

  /// Every seed in float64, and in every format with the spec's loss scale.
  void run_at_given_scale() {
    const auto n = static_cast<std::size_t>(spec_.seeds);
    truths_.resize(n);
    found_.resize(n);
    for_each([&](std::size_t i, const Tensors& drawn) {
      truths_[i] = find_truth(spec_, drawn);
      for (std::size_t f = 0; f < formats.size(); ++f) {
        Run run(spec_, formats[f], drawn);
        const Gradients gradients = run.backward(spec_.init.loss_scale);
        SeedHorizon& found = found_[i][f];
        for (const std::vector<double>& gradient : gradients) {
          found.fractions.push_back(fractions(gradient, formats[f].dtype));
        }
        found.dead_slope = dead_slopes(spec_, formats[f], run, truths_[i].h);
        found.lost = find_lost(gradients, truths_[i], formats[f], run.behind_a_lost_state());
      }
      truths_[i].h = {};
    });
  }

  /// Every seed with 2^exponent for each exponent of each format.
  void run_at(const std::array<std::vector<int>, formats.size()>& exponents,
              std::vector<ScaleSearch>& searches) {
    std::array<Trials, formats.size()> trials;
    for (std::size_t f = 0; f < formats.size(); ++f) {
      for (const int k : exponents[f]) trials[f][k].resize(truths_.size());
    }
    for_each([&](std::size_t i, const Tensors& drawn) {
      for (std::size_t f = 0; f < formats.size(); ++f) {
        if (exponents[f].empty()) continue;
        Run run(spec_, formats[f], drawn);
        const std::size_t behind = run.behind_a_lost_state();
        for (const int k : exponents[f]) {
          trials[f][k][i] =
              find_lost(run.backward(std::ldexp(1.0, k)), truths_[i], formats[f], behind);
        }
      }
    });
    for (std::size_t f = 0; f < formats.size(); ++f) {
      for (auto& [k, lost] : trials[f]) searches[f].add(k, std::move(lost));
    }
  }

  [[nodiscard]] const std::vector<Truth>& truths() const { return truths_; }
  /// By seed, then by format.
  [[nodiscard]] const auto& found() const { return found_; }

 private:
  /// Calls f(i, drawn) for every seed, several at a time.
  template <class F>
  void for_each(F&& f) {
    const Problem problem = make_problem(exact_);
    // Drawn and rounded; a plan's copy, its gradients, and what is read back.
    const int threads = threads_within_memory(3 * working_set(problem) + 1);
    for_each_seed(
        truths_.size(), threads, [] { return 0; },
        [&](int, std::size_t i) { f(i, draw(problem, init_, spec_.first_seed + i, &cache_)); });
  }

  GrowthSpec spec_;
  GrowthSpec exact_;
  Initialisation init_;
  std::vector<Truth> truths_;
  std::vector<std::array<SeedHorizon, formats.size()>> found_;
  WeightCache cache_{std::size_t{1} << 30};  // the seeds are run more than once
};

/// Median depth; none where it lies beyond L.
std::optional<double> median_depth(const std::vector<LostAt>& lost, std::size_t L) {
  std::vector<double> depths;
  std::transform(lost.begin(), lost.end(), std::back_inserter(depths), [L](const LostAt& seed) {
    return seed.depth > L ? infinity : static_cast<double>(seed.depth);
  });
  const double median = quantile(depths, 0.5);
  return std::isfinite(median) ? std::optional(median) : std::nullopt;
}

/// ln of the range that a seed's gradient takes; NaN without any.
double needed_range(const Truth& truth) {
  double largest = 0;
  double smallest = infinity;
  for (const Magnitudes& size : truth.sizes) {  // comparisons with NaN are false
    if (size.largest > largest) largest = size.largest;
    if (size.median < smallest) smallest = size.median;
  }
  return largest > 0 ? std::log(largest) - std::log(smallest) : nan;
}

/// Mean over seeds of value(seed)[d], by depth.
template <class Values>
std::vector<double> mean_by_depth(std::size_t L, std::size_t seeds, Values value) {
  std::vector<double> mean(L + 1, 0.0);
  for (std::size_t d = 0; d <= L; ++d) {
    for (std::size_t i = 0; i < seeds; ++i) mean[d] += value(i, d);
    mean[d] /= static_cast<double>(seeds);
  }
  return mean;
}

PrecisionHorizon summarise(const GrowthSpec& spec, const Study& study, std::size_t f,
                           const ScaleSearch& search) {
  const auto L = static_cast<std::size_t>(spec.depth);
  const std::size_t seeds = study.found().size();
  const auto seed = [&](std::size_t i) -> const SeedHorizon& { return study.found()[i][f]; };
  const auto mean_fraction = [&](double Fractions::*part) {
    return mean_by_depth(L, seeds,
                         [&](std::size_t i, std::size_t d) { return seed(i).fractions[d].*part; });
  };
  std::vector<LostAt> lost;
  std::vector<double> needed;
  for (std::size_t i = 0; i < seeds; ++i) {
    lost.push_back(seed(i).lost);
    needed.push_back(needed_range(study.truths()[i]));
  }
  PrecisionHorizon horizon;
  horizon.dtype = formats[f].dtype;
  horizon.flush = formats[f].flush_subnormals;
  horizon.loss_scale = spec.init.loss_scale;
  horizon.zero = mean_fraction(&Fractions::zero);
  horizon.subnormal = mean_fraction(&Fractions::subnormal);
  horizon.nonfinite = mean_fraction(&Fractions::nonfinite);
  horizon.dead_slope =
      mean_by_depth(L, seeds, [&](std::size_t i, std::size_t d) { return seed(i).dead_slope[d]; });
  horizon.lost_at = median_depth(lost, L);
  horizon.best_loss_scale = std::ldexp(1.0, search.best());
  horizon.best_lost_at = median_depth(search.lost_at_best(), L);
  if (search.saves()) horizon.saving_loss_scale = horizon.best_loss_scale;
  horizon.ln_range = std::log(format(horizon.dtype).max) - std::log(least(formats[f]));
  horizon.ln_needed = quantile(needed, 0.5);
  return horizon;
}

}  // namespace

std::vector<PrecisionHorizon> precision_horizons(const GrowthSpec& spec) {
  if (spec.seeds < 1) throw std::invalid_argument("seeds: a whole number from 1 on");
  Study study(spec);
  study.run_at_given_scale();
  std::vector<ScaleSearch> searches;
  std::transform(formats.begin(), formats.end(), std::back_inserter(searches),
                 [&](Rounding rounding) { return begin_search(rounding, study.truths()); });
  if (spec.init.loss_scale == 1) {
    for (std::size_t f = 0; f < formats.size(); ++f) {
      std::vector<LostAt> lost;
      for (const auto& seed : study.found()) lost.push_back(seed[f].lost);
      searches[f].add(0, std::move(lost));
    }
  }
  for (bool searching = true; searching;) {
    std::array<std::vector<int>, formats.size()> exponents;
    std::transform(searches.begin(), searches.end(), exponents.begin(),
                   [](const ScaleSearch& search) { return search.next(); });
    searching = std::any_of(exponents.begin(), exponents.end(),
                            [](const auto& list) { return !list.empty(); });
    if (searching) study.run_at(exponents, searches);
  }
  std::vector<PrecisionHorizon> horizons;
  for (std::size_t f = 0; f < formats.size(); ++f) {
    horizons.push_back(summarise(spec, study, f, searches[f]));
  }
  return horizons;
}

std::string label(const PrecisionHorizon& horizon) {
  return std::string(name(horizon.dtype)) + (horizon.flush ? "_ftz" : "");
}

}  // namespace gradepth::growth
