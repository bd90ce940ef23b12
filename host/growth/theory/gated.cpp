#include "host/growth/theory/gated.h"

#include <algorithm>
#include <boost/math/interpolators/cardinal_cubic_b_spline.hpp>
#include <cmath>
#include <map>
#include <vector>

#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"
#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

/// E f(mean + s z), f a gate's: it changes within a few units of 0.
template <class F>
double gate_expectation(F&& f, double mean, double s) {
  std::vector<double> around;
  for (const double x : {-8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0}) around.push_back(x - mean);
  return gaussian_expectation([&](double x) { return f(mean + x); }, s, around);
}

double square(double x) { return x * x; }

/// E tanh², E tanh'², E a² tanh'² of the candidate's argument a, by r: its variance is b + r² m.
/// Splines in √r, since all happens at small r where m is large.
class Candidate {
 public:
  Candidate(double b, double m)
      : value2_(along(b, m, [](double v) { return second_moment("tanh", v); })),
        slope2_(along(b, m, [](double v) { return slope_moment("tanh", std::log(v)); })),
        a2_slope2_(along(b, m, [](double v) {
          return gaussian_expectation([](double x) { return square(x * Tanh::slope(x)); },
                                      std::sqrt(v));
        })) {}

  [[nodiscard]] double value2(double r) const { return value2_(std::sqrt(r)); }
  [[nodiscard]] double slope2(double r) const { return slope2_(std::sqrt(r)); }
  [[nodiscard]] double a2_slope2(double r) const { return a2_slope2_(std::sqrt(r)); }

 private:
  using Spline = boost::math::interpolators::cardinal_cubic_b_spline<double>;

  template <class Moment>
  static Spline along(double b, double m, Moment moment) {
    constexpr double step = 1.0 / 64;
    constexpr int points = 64 + 8;  // beyond 1, where the end's slope, a guess, no longer matters
    std::vector<double> at;
    for (int i = 0; i < points; ++i) {
      const double r = square(i * step);
      at.push_back(moment(std::max(b + r * r * m, least_variance)));
    }
    return {at.begin(), at.end(), 0.0, step, 0.0};
  }
  static constexpr double least_variance = 1e-30;

  Spline value2_, slope2_, a2_slope2_;
};

struct Gru {
  double sigma_w2;
  double bias2;   // variance of each bias
  double update;  // added to z's pre-activation

  struct Step {
    double q;    // of the next state
    double chi;  // what the step does to the squared gradient
  };
  [[nodiscard]] Step step(double q) const {
    const double m2 = sigma_w2 * q + bias2;  // of m and of the gates' pre-activations
    const double s = std::sqrt(m2);
    const Candidate candidate(bias2, m2);
    // r, σ'(a_r)² and what they meet; given r, tanh's argument is Gaussian, and so is m given that.
    const auto over_r = [&](auto&& of) {
      return gate_expectation([&](double a) { return of(a, Sigmoid::value(a)); }, 0, s);
    };
    const double n2 = over_r([&](double, double r) { return candidate.value2(r); });
    const double through_m = over_r([&](double, double r) { return r * r * candidate.slope2(r); });
    const double through_r = over_r([&](double a, double r) {
      const double v = bias2 + r * r * m2;
      const double lean = v > 0 ? r * m2 / v : 0;  // E m given the argument, by the argument
      return square(Sigmoid::slope(a)) *
             (square(lean) * candidate.a2_slope2(r) + (m2 - lean * r * m2) * candidate.slope2(r));
    });
    const auto over_z = [&](auto&& of) {
      return gate_expectation([&](double a) { return square(of(a)); }, update, s);
    };
    const double keep = over_z([](double a) { return Sigmoid::value(a); });
    const double take = over_z([](double a) { return Sigmoid::value(-a); });
    const double slope = over_z([](double a) { return Sigmoid::slope(a); });
    return {take * n2 + keep * q,
            keep + sigma_w2 * ((q + n2) * slope + take * (through_m + through_r))};
  }
};

}  // namespace

std::optional<Theory> gru_theory(const GrowthSpec& spec) {
  const std::optional<double> sigma2 = sigma_w2(spec);
  const std::optional<double> noise = noise_variance(spec, 1);
  const bool fresh = !is_shared(spec) && !spec.init.has_input();
  if (spec.net != "gru" || !fresh || !sigma2 || !noise || spec.init.h0.scale == 0 ||
      spec.init.chrono != 0) {
    return std::nullopt;
  }
  // The gates' panels are for pre-activations of a usual size.
  const double q0 = std::exp(ln_start_variance(spec));
  constexpr double largest = 1e3;
  const double gates = *sigma2 * std::max(q0, 1.0) + *noise;
  if (!(gates < largest) || !(std::abs(spec.init.forget_bias) < largest)) return std::nullopt;
  const Gru net{*sigma2, *noise, spec.init.forget_bias};
  std::map<double, Gru::Step> steps;  // by ln q: carry() asks for both
  const auto step = [&](double ln_q) {
    const auto at = steps.find(ln_q);
    return at != steps.end() ? at->second
                             : steps.emplace(ln_q, net.step(std::exp(ln_q))).first->second;
  };
  const Carried carried = carry(
      std::log(q0), static_cast<std::size_t>(spec.depth),
      [&](double ln_q) {
        constexpr double rest = 1e-10;  // the quadrature's own errors
        const double next = std::log(step(ln_q).q);
        return std::abs(next - ln_q) < rest ? ln_q : next;
      },
      [&](double ln_q) { return std::log(step(ln_q).chi); });
  Theory theory;
  theory.rate = window_rate(carried.ln_chi);
  if (!std::isfinite(theory.rate)) return std::nullopt;
  theory.by_map = ln_norm_by_map(carried.ln_chi);
  theory.q = std::exp(carried.ln_q);
  theory.chi = std::exp(carried.ln_chi.back());
  theory.formula = "1/2 ln chi(q_l), q = |h|^2/N carried from the start";
  theory.source = "mean field with gates, Gilboa et al. 2019";
  return theory;
}

}  // namespace gradepth::growth
