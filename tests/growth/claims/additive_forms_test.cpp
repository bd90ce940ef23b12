#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "host/growth/jacobians/jacobians.h"
#include "host/growth/study/resolve.h"
#include "host/growth/theory/spectrum.h"
#include "host/growth/theory/theory.h"
#include "host/text/not_finite.h"
#include "tests/growth/claims/claim.h"

/// f_{t+1} = w Σ of the last K states: "additive forms do not vanish" is untrue.
namespace gradepth::growth::claims {
namespace {

using Kind = WeightInit::Kind;

/// dL/df_0 and all states by plain sums.
struct Sums {
  std::vector<double> f;   // [T+1]
  std::vector<double> df;  // [T+1], before the clip
  double dw = 0;
};

Sums plain_sums(std::int64_t terms, double w, double f0, const std::vector<double>& dy,
                double clip) {
  const std::size_t T = dy.size();
  const auto adds = [&](std::size_t t, std::size_t s) {  // f_{t+1} holds f_s
    return s <= t && (terms == 0 || t - s < static_cast<std::size_t>(terms));
  };
  Sums sums{{f0}, std::vector<double>(T + 1)};
  std::vector<double> through(T + 1);
  for (std::size_t t = 0; t < T; ++t) {
    double a = 0;
    for (std::size_t s = 0; s <= t; ++s) a += adds(t, s) ? sums.f[s] : 0;
    sums.f.push_back(w * a);
  }
  for (std::size_t s = T + 1; s-- > 0;) {
    sums.df[s] = s > 0 ? dy[s - 1] : 0;
    for (std::size_t t = s; t < T; ++t) sums.df[s] += adds(t, s) ? w * through[t + 1] : 0;
    through[s] = clip > 0 ? std::clamp(sums.df[s], -clip, clip) : sums.df[s];
  }
  for (std::size_t t = 0; t < T; ++t) {
    for (std::size_t s = 0; s <= t; ++s) sums.dw += adds(t, s) ? through[t + 1] * sums.f[s] : 0;
  }
  return sums;
}

RecurrentProblem problem(AdditiveForm form, std::int64_t T, std::int64_t B, std::int64_t H,
                         Dtype dtype) {
  return {.cell = "additive",
          .act = "identity",
          .T = T,
          .B = B,
          .H = H,
          .project_input = false,
          .record = true,
          .form = form,
          .dtype = dtype};
}

Tensors drawn(const RecurrentProblem& p, double w) {
  Initialisation init;
  init.W = {Kind::constant, w, {}};
  Tensors in = draw(p, init, 3);
  double i = 0;
  for (double& v : in["dy"].data) v = std::sin(7.3 * ++i);  // at every step
  return in;
}

TEST(AdditiveFormName, IsReadBack) {
  for (const std::int64_t terms : {0, 1, 2, 3, 17, 1'000'000'000}) {
    const AdditiveForm form{terms};
    EXPECT_EQ(AdditiveForm::find(form.name()), form) << terms;
  }
  EXPECT_EQ(AdditiveForm{}.name(), "two-term");
  EXPECT_EQ(AdditiveForm::find("terms:2"), AdditiveForm::two_term);
  EXPECT_EQ(AdditiveForm{3}.name(), "terms:3");
  for (const char* none : {"", "terms", "terms:", "terms:0", "terms:-1", "terms:+3", "terms:3.0",
                           "terms:1000000001", "terms:all", "sum:3", "Sum"}) {
    EXPECT_FALSE(AdditiveForm::find(none)) << none;
  }
  EXPECT_EQ(name(Problem(problem({5}, 9, 2, 3, Dtype::f32))),
            "recurrent/additive/terms:5/f32/T9_B2_H3");
}

/// Every provider, forward and back, with more terms than steps too.
TEST(AdditiveForm, IsThePlainSum) {
  int ran = 0;
  for (const auto& provider : providers().present) {
    const bool exact = provider->name() == "reference";
    for (const std::int64_t terms : {1, 2, 3, 4, 6, 7, 8, 100, 0}) {
      for (const std::int64_t T : {1, 2, 7}) {
        for (const double clip : {0.0, 0.75}) {
          RecurrentProblem p = problem({terms}, T, 3, 11, exact ? Dtype::f64 : Dtype::f32);
          p.clip_value = clip;
          const Tensors in = drawn(p, -0.625);
          const PlanPtr plan = run(*provider, p, in);
          if (plan == nullptr) continue;
          const Tensor h = plan->get("h");
          const Tensor dh = plan->get("dh");
          double dw = 0;
          const double tolerance = exact ? 1e-14 : 2e-6;
          for (std::size_t i = 0; i < 33; ++i) {
            std::vector<double> dy;
            for (std::size_t t = 0; t < static_cast<std::size_t>(T); ++t) {
              dy.push_back(in.at("dy").data[t * 33 + i]);
            }
            const Sums sums = plain_sums(terms, -0.625, in.at("h0").data[i], dy, clip);
            for (std::size_t t = 0; t <= static_cast<std::size_t>(T); ++t) {
              const double size = 10;  // no number is larger
              EXPECT_NEAR(h.data[t * 33 + i], sums.f[t], size * tolerance) << terms << ' ' << t;
              EXPECT_NEAR(dh.data[t * 33 + i], sums.df[t], size * tolerance) << terms << ' ' << t;
            }
            dw += sums.dw;
          }
          EXPECT_NEAR(plan->get("dWh").data[0], dw, 300 * tolerance) << terms << ' ' << T;
          ++ran;
        }
      }
    }
  }
  EXPECT_GE(ran, 3 * 54);  // reference, cpu, simt
}

/// As many terms as steps, or more, are all: the same bits.
TEST(AdditiveForm, OfManyTermsIsTheSum) {
  for (const auto& provider : providers().present) {
    const Dtype dtype = provider->name() == "reference" ? Dtype::f64 : Dtype::f32;
    const RecurrentProblem all = problem(AdditiveForm::sum, 9, 3, 11, dtype);
    const PlanPtr sum = run(*provider, all, drawn(all, 0.3));
    if (sum == nullptr) continue;
    for (const std::int64_t terms : {9, 10, 1'000'000}) {
      const PlanPtr many = run(*provider, problem({terms}, 9, 3, 11, dtype), drawn(all, 0.3));
      for (const char* name : {"h", "dh", "dWh", "dh_norm2"}) {
        EXPECT_EQ(many->get(name).data, sum->get(name).data) << provider->name() << ' ' << name;
      }
    }
  }
}

/// r³ = w (r² + r + 1) at w = 0.1 has its largest root at 0.59: after 60 steps a state is 1e-14 of
/// the first. A running sum of which the oldest is taken out would be rounding of the first by
/// then.
TEST(AdditiveForm, KeepsItsDigitsAsItVanishes) {
  for (const auto& provider : providers().present) {
    const RecurrentProblem p = problem({3}, 60, 1, 4, Dtype::f32);
    Tensors in = drawn(p, 0.1);
    std::fill(in["h0"].data.begin(), in["h0"].data.end(), 1.0);
    std::vector<double>& dy = in["dy"].data;
    std::fill(dy.begin(), dy.end() - 4, 0.0);
    std::fill(dy.end() - 4, dy.end(), 1.0);
    const PlanPtr plan = run(*provider, p, in);
    if (plan == nullptr) continue;
    // w itself is rounded: the same as on this provider.
    const Sums sums = plain_sums(3, static_cast<double>(0.1F), 1, std::vector<double>(60), 0);
    const double last = plan->get("y").data.back();
    EXPECT_LT(sums.f.back(), 1e-12);
    EXPECT_NEAR(last / sums.f.back(), 1, 60 * 4 * 6e-8) << provider->name();
    EXPECT_NEAR(plan->get("dh0").data.back() / sums.f.back(), 1, 60 * 4 * 6e-8);
  }
}

/// ln-norm per step that K numbers settle to under f_{t+1} = w Σ, by float64 products rescaled on
/// the way: between two far steps, so that what the start leaves is gone.
double rate_of_products(double w, std::size_t K) {
  std::vector<double> last(K);  // the newest first
  last[0] = 1;
  double ln = 0;
  double ln_middle = 0;
  constexpr int steps = 6000;
  for (int t = 0; t < steps; ++t) {
    double next = 0;
    for (const double v : last) next += w * v;
    std::rotate(last.rbegin(), last.rbegin() + 1, last.rend());
    last[0] = next;
    double norm = 0;
    for (const double v : last) norm = std::hypot(norm, v);
    for (double& v : last) v /= norm;
    ln += std::log(norm);
    if (t == steps / 3) ln_middle = ln;
  }
  return (ln - ln_middle) / (steps - steps / 3.0 - 1);
}

TEST(LargestRoot, IsTheRateOfProducts) {
  for (const double w : {-4.5, -1.5, -0.9, -0.3, 0.05, 0.25, 0.6, 1.5}) {
    for (const std::size_t K : {1U, 2U, 3U, 4U, 5U, 8U, 13U}) {
      EXPECT_NEAR(std::log(largest_root(w, K)), rate_of_products(w, K), 1.5e-3) << w << ' ' << K;
    }
  }
}

TEST(LargestRoot, HasItsClosedForms) {
  for (const double w : {-5.0, -2.5, -1.0, -0.2, 0.1, 0.5, 2.0}) {
    EXPECT_NEAR(largest_root(w, 1), std::abs(w), 1e-14);
    EXPECT_NEAR(std::log(largest_root(w, 2)), two_term_rate(w), 1e-13) << w;
    // (r - 1) r^K = w (r^K - 1): at r > 1 it comes to 1 + w.
    if (w < 0.5) continue;
    EXPECT_NEAR(std::log(largest_root(w, 80)), additive_sum_rate(w), 1e-12) << w;
  }
  for (const std::size_t K : {2U, 3U, 10U, 200U}) {  // 1 is a root where K w = 1, and the largest
    EXPECT_NEAR(largest_root(1 / static_cast<double>(K), K), 1, 1e-12) << K;
  }
  EXPECT_TRUE(std::isnan(largest_root(0.5, 2000)));
  // Far from 1: r^K = w (1 + r + …) with r^K or w r^(K-1) large beside all else.
  for (const double w : {1e-30, -1e-30, 1e-300}) {
    EXPECT_NEAR(largest_root(w, 5) / std::pow(std::abs(w), 0.2), 1, 1e-6) << w;
    EXPECT_NEAR(largest_root(w, 2) / std::sqrt(std::abs(w)), 1, 1e-12) << w;
  }
  for (const double w : {1e20, -1e20, 1e300}) {
    EXPECT_NEAR(largest_root(w, 5) / std::abs(w), 1, 1e-14) << w;
  }
  EXPECT_EQ(largest_root(0, 3), 0);
}

/// Vanishing and exploding where the largest root says so: the same w may do either with more
/// terms.
TEST(AdditiveForms, VanishAndExplodeAsTheirRootsSay) {
  constexpr std::int64_t L = 200;
  int vanish = 0;
  int explode = 0;
  for (const std::int64_t terms : {1, 2, 3, 4, 7, 15, 0}) {
    for (const double w : {-3.5, -1.5, -0.9, -0.4, 0.03, 0.1, 0.2, 0.4, 1.2}) {
      GrowthSpec spec = net("additive", "identity", Kind::constant, w);
      spec.form = {terms};
      spec.width = 2;
      spec.depth = L;
      const double rate = terms == 0 ? std::log(std::abs(1 + w))
                                     : std::log(largest_root(w, static_cast<std::size_t>(terms)));
      const GrowthResult r = measure(spec);
      ASSERT_TRUE(r.theory) << w << ' ' << terms;
      EXPECT_NEAR(r.theory->rate, rate, 1e-12) << w << ' ' << terms;
      // Where roots are complex ln |f| dips as the angle comes by 0: by some units, on 160 steps.
      EXPECT_NEAR(r.rate.value, rate, 0.05) << w << ' ' << terms;
      const double total = rate * static_cast<double>(L);
      if (std::abs(total) < 12) continue;  // close to critical
      EXPECT_EQ(r.verdict, total > 0 ? Verdict::exploding : Verdict::vanishing)
          << w << ' ' << terms;
      ++(total > 0 ? explode : vanish);
    }
  }
  EXPECT_GE(vanish, 12);
  EXPECT_GE(explode, 12);
}

/// At K w = 1 it does neither. With g_1 = w, …: f settles to the mean of K states weighted 1 … K,
/// and an impulse leaves 2 / (K + 1).
TEST(AdditiveForms, KeepTheGradientAtKTimesW1) {
  for (const std::int64_t terms : {2, 3, 8, 15}) {
    GrowthSpec spec = net("additive", "identity", Kind::constant, 1 / static_cast<double>(terms));
    spec.form = {terms};
    spec.width = 3;
    spec.depth = 2000;
    const GrowthResult r = measure(spec);
    EXPECT_EQ(r.verdict, Verdict::stable);
    EXPECT_NEAR(r.ratio[2000], 2 / static_cast<double>(terms + 1), 1e-9) << terms;
    EXPECT_NEAR(r.theory->rate, 0, 1e-12);
  }
}

/// As many terms as maps are the sum, as long as the net is.
TEST(AdditiveForms, OfAsManyTermsAsMapsGrowAsTheSum) {
  GrowthSpec spec = net("additive", "identity", Kind::constant, -0.25);
  spec.depth = 20;
  spec.width = 1;
  for (const std::int64_t terms : {20, 21, 1'000'000, 0}) {
    spec.form = {terms};
    EXPECT_DOUBLE_EQ(measure(spec).theory->rate, std::log(0.75));
    EXPECT_EQ(jacobian_size(spec), 2U);
  }
  spec.form = {19};
  EXPECT_NEAR(measure(spec).theory->rate, std::log(largest_root(-0.25, 19)), 1e-14);
  EXPECT_EQ(jacobian_size(spec), 19U);
}

/// The state is the last K numbers, moved on by the companion matrix: its largest Lyapunov exponent
/// is ln of the largest root, and all K add up to ln |det| = ln |w|, singular values too.
TEST(AdditiveForms, HaveTheCompanionMatrixsExponents) {
  for (const double w : {0.6, -1.5}) {
    GrowthSpec spec = net("additive", "identity", Kind::constant, w);
    spec.form = {4};
    spec.width = 1;
    spec.depth = 3000;
    spec.lyapunov = 4;
    const GrowthResult r = measure(spec);
    ASSERT_EQ(r.jacobians.lyapunov.size(), 4U);
    double sum = 0;
    for (const Interval& exponent : r.jacobians.lyapunov) sum += exponent.value;
    EXPECT_NEAR(sum, std::log(std::abs(w)), 1e-10);
    EXPECT_NEAR(r.jacobians.lyapunov[0].value, std::log(largest_root(w, 4)), 2e-3) << w;
    spec.depth = 30;
    spec.lyapunov = 0;
    spec.singular_values = true;
    const std::vector<double> ln_sigma = measure(spec).jacobians.singular_values;
    ASSERT_EQ(ln_sigma.size(), 4U);
    double of_all = 0;
    for (const double ln : ln_sigma) of_all += ln;
    EXPECT_NEAR(of_all, std::log(std::abs(w)), 1e-10) << w;
  }
}

}  // namespace
}  // namespace gradepth::growth::claims
