#include "host/growth/laws/window.h"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <stdexcept>
#include <variant>
#include <vector>

#include "host/growth/jacobians/renormalised.h"
#include "host/growth/knobs/knobs.h"
#include "host/growth/states/states.h"
#include "host/growth/study/range.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/seeds.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/theory.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

constexpr double ten = std::numbers::ln10;
constexpr double first_gain = 1.0 / 16;

/// The total is not known at a gain where it would have to be.
struct Unknown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What is known of a total, gain by gain.
class Total {
 public:
  Total(const std::function<double(double)>& ln_growth, double tolerance)
      : ln_growth_(ln_growth), tolerance_(tolerance) {}

  double at(double gain) {
    const auto known = known_.find(gain);
    if (known != known_.end()) return known->second;
    ++evaluations_;
    const double value = ln_growth_(gain);
    if (!std::isnan(value)) known_.emplace(gain, value);
    return value;
  }
  [[nodiscard]] std::size_t evaluations() const { return evaluations_; }
  [[nodiscard]] const std::map<double, double>& known() const { return known_; }

  /// A gain between the known ones `left` and `right` at which the total comes to `target`, which
  /// lies between theirs.
  double root(double left, double right, double target) {
    const bool rises = at(left) < at(right);
    const auto is_before = [&](double value) { return rises ? value < target : value >= target; };
    // A crossing right above 0 has no logarithm to begin from.
    while (left == 0) {
      const double half = 0.5 * right;
      if (half < least_gain) return 0;
      (is_before(known_at(half)) ? left : right) = half;
    }
    // As near as is known.
    for (const auto& [gain, value] : known_) {
      if (gain <= left || gain >= right) continue;
      if (!is_before(value)) {
        right = gain;
        break;
      }
      left = gain;
    }
    const auto excess = [&](double ln_gain) {
      constexpr double far = 1e3;  // in place of infinity
      const double x = std::clamp(known_at(std::exp(ln_gain)) - target, -far, far);
      return std::abs(x) <= tolerance_ ? 0 : x;
    };
    const double a = std::log(left);
    const double b = std::log(right);
    const double at_a = excess(a);
    const double at_b = excess(b);
    if (at_a == 0) return left;
    if (at_b == 0) return right;
    std::uintmax_t most = 60;
    const auto [low, high] = boost::math::tools::toms748_solve(
        excess, a, b, at_a, at_b, boost::math::tools::eps_tolerance<double>(34), most);
    return std::exp(0.5 * (low + high));
  }

 private:
  double known_at(double gain) {
    const double value = at(gain);
    if (std::isnan(value)) throw Unknown("not known at every gain");
    return value;
  }

  const std::function<double(double)>& ln_growth_;
  double tolerance_;
  std::map<double, double> known_;
  std::size_t evaluations_ = 0;
};

/// Two known gains, one behind the other, between which the total comes to `target`.
struct Crossing {
  double left;
  double right;
};
/// From below, in ascending order; with `falls` from above.
std::vector<Crossing> crossings(const std::map<double, double>& known, double target,
                                bool falls = false) {
  std::vector<Crossing> found;
  for (auto at = known.begin(); at != known.end() && std::next(at) != known.end(); ++at) {
    const auto next = std::next(at);
    const bool below = at->second < target;
    if (below != (next->second < target) && below != falls) {
      found.push_back({at->first, next->first});
    }
  }
  return found;
}

std::string up_to_the_largest() {
  return " at any gain up to " + std::to_string(static_cast<int>(largest_gain)) +
         " (powers of two were tried)";
}

GainWindow search_window(Total& total) {
  GainWindow window;
  total.at(0);
  double last = nan;
  for (double gain = first_gain; gain <= largest_gain && !(last >= ten); gain *= 2) {
    last = total.at(gain);
  }
  const std::map<double, double> scanned = total.known();
  const auto all = [&](auto&& is) {
    return std::all_of(scanned.begin(), scanned.end(),
                       [&](const auto& at) { return is(at.second); });
  };
  if (scanned.empty()) throw Unknown("not known at any gain");
  if (all([](double x) { return x >= ten; })) {
    window.reason = "the gradient grows more than tenfold" + up_to_the_largest();
    return window;
  }
  if (all([](double x) { return x < -ten; })) {
    window.reason = "the gradient does not stay above a tenth" + up_to_the_largest();
    return window;
  }
  const std::vector<Crossing> explosions = crossings(scanned, ten);  // one, and the scan ended
  const std::vector<Crossing> revivals = crossings(scanned, -ten);
  const std::vector<Crossing> falls = crossings(scanned, -ten, true);
  const bool starts_inside = scanned.begin()->first == 0 && scanned.begin()->second >= -ten;
  if (!revivals.empty()) {
    window.low = total.root(revivals.back().left, revivals.back().right, -ten);
  } else if (starts_inside) {
    window.low = 0;
  } else {
    window.reason = "the total is not known at the gains where the net would vanish";
  }
  if (!explosions.empty()) {
    window.high = total.root(explosions.front().left, explosions.front().right, ten);
    return window;
  }
  window.reason += (window.reason.empty() ? "" : "; ") +
                   ("the gradient does not grow tenfold" + up_to_the_largest());
  if (falls.empty() || (window.low && falls.back().right <= *window.low)) return window;
  window.high = total.root(falls.back().left, falls.back().right, -ten);
  window.reason += "; above the window it vanishes again";
  return window;
}

GrowthSpec at_gain(const GrowthSpec& spec, double gain) {
  GrowthSpec changed = spec;
  growth_knobs().find_swept("gain")->rules.sweep.set(changed, gain);
  return changed;
}

/// Over all maps; NaN where there is no theory.
double theory_total(const GrowthSpec& spec, double gain) {
  // Without weights mean field has nothing to carry.
  const std::optional<Theory> theory = find_way_theory(at_gain(spec, std::max(gain, least_gain)));
  if (!theory) return nan;
  if (theory->by_map.empty()) return theory->rate * static_cast<double>(spec.depth);
  double sum = 0;
  for (const double x : theory->by_map) sum += x;
  return sum;
}

/// ln of the gradient's growth over the whole way of one run.
double ln_growth_of(const GrowthSpec& spec, Plan& plan, const Tensors& drawn) {
  plan.set(drawn);
  plan.run();
  plan.wait();
  const Tensor dh = plan.get("dh");
  const Tensor c = has_c(spec) ? plan.get("c") : Tensor{};
  const Tensor dc = has_c(spec) ? plan.get("dc") : Tensor{};
  const RangeEnd end = range_end(spec, plan.get("h"), c, dh, dc);
  if (end.kind == RangeEnd::Kind::none) {
    const std::vector<double> ln = step_norms(dh, dc, plan.get("dh_norm2")).ln;
    return ln.back() - ln.front();
  }
  const bool above = end.kind == RangeEnd::Kind::above;
  if (spec.clip_value == 0) {
    const std::vector<double> ln = renormalised_path(spec, drawn).states;
    if (!ln.empty() && !std::isnan(ln.back())) return ln.back() - ln.front();
  }
  return above ? infinity : -infinity;
}

/// Over seeds; those whose gradient is 0 decide where they are at least half, as in the verdict.
double mean_growth(const std::vector<double>& of_seeds) {
  if (std::count(of_seeds.begin(), of_seeds.end(), infinity) > 0) return infinity;
  const auto zeros = std::count(of_seeds.begin(), of_seeds.end(), -infinity);
  if (2 * static_cast<std::size_t>(zeros) >= of_seeds.size()) return -infinity;
  return mean_interval(of_seeds).value;
}

double measured_total(const GrowthSpec& spec, Provider& provider, int threads, WeightCache& cache) {
  Initialisation init;
  try {
    init = resolve(spec);
  } catch (const std::invalid_argument&) {
    return nan;  // no fixed point to start from at this gain
  }
  const Problem problem = make_problem(spec);
  std::vector<double> totals(static_cast<std::size_t>(spec.seeds));
  for_each_seed(
      totals.size(), threads, [&] { return std::get<PlanPtr>(provider.plan(problem)); },
      [&](const PlanPtr& plan, std::size_t i) {
        totals[i] = ln_growth_of(spec, *plan, draw(problem, init, spec.first_seed + i, &cache));
      });
  return mean_growth(totals);
}

}  // namespace

GainWindow find_window(const std::function<double(double)>& ln_growth, double tolerance) {
  Total total(ln_growth, tolerance);
  GainWindow window;
  try {
    window = search_window(total);
  } catch (const Unknown& unknown) {
    window = {};
    window.reason = std::string("the total is ") + unknown.what();
  }
  window.evaluations = total.evaluations();
  return window;
}

std::optional<GainWindow> theory_window(const GrowthSpec& spec) {
  constexpr double tolerance = 1e-5;
  const GainWindow window =
      find_window([&](double gain) { return theory_total(spec, gain); }, tolerance);
  return window.low || window.high ? std::optional(window) : std::nullopt;
}

WindowStudy measure_window(const GrowthSpec& spec, Provider& provider, int threads,
                           WeightCache* cache) {
  constexpr std::size_t cache_bytes = std::size_t{2} << 30;
  WeightCache own(cache_bytes);
  WeightCache& draws = cache != nullptr ? *cache : own;
  // Of a long way in f32 rounding alone moves the total by more than 1e-4.
  constexpr double tolerance = 1e-3;
  const auto total = [&](double gain) {
    return measured_total(at_gain(spec, gain), provider, threads, draws);
  };
  return {find_window(total, tolerance), theory_window(spec)};
}

}  // namespace gradepth::growth
