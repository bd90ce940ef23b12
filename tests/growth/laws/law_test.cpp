#include "host/growth/laws/law.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "host/growth/study/measure.h"
#include "host/providers/provider.h"

namespace gradepth::growth {
namespace {

using testing::HasSubstr;

constexpr double tiny_rounding = 1e-15;

/// Curves of seeds whose gradient gains c i^-γ in map i, and noise of deviation `noise` i^-fading
/// that leans on the map before by `memory`.
struct MadeUp {
  double c = 0;
  double gamma = 0;
  double noise = 0;
  double fading = 0;
  double memory = 0;
  std::size_t depth = 200;
  std::size_t seeds = 8;

  [[nodiscard]] std::vector<std::vector<double>> curves(std::mt19937_64& random) const {
    std::normal_distribution<double> normal;
    std::vector<std::vector<double>> all;
    for (std::size_t s = 0; s < seeds; ++s) {
      std::vector<double> y{0};
      double deviation = 0;
      for (std::size_t i = depth; i > 0; --i) {  // the loss end comes first
        const auto number = static_cast<double>(i);
        deviation = memory * deviation + normal(random);
        y.push_back(y.back() + c * std::pow(number, -gamma) +
                    noise * std::pow(number, -fading) * deviation);
      }
      all.push_back(y);
    }
    return all;
  }
  [[nodiscard]] LawFit fit(std::mt19937_64& random) const {
    return fit_law(curves(random), true, tiny_rounding);
  }
};

/// Of curves without noise, one of which is enough.
LawFit exact_law(double c, double gamma, std::size_t depth = 200) {
  std::mt19937_64 random;
  const MadeUp made{.c = c, .gamma = gamma, .depth = depth, .seeds = 1};
  return fit_law(made.curves(random), false, tiny_rounding);
}

TEST(GrowthLaw, OfCurvesWithoutNoiseIsExact) {
  for (const double c : {-0.5, 0.25}) {
    for (const std::size_t depth : {std::size_t{10}, std::size_t{200}, std::size_t{4000}}) {
      const LawFit exponential = exact_law(c, 0, depth);
      ASSERT_TRUE(exponential.law) << exponential.reason;
      EXPECT_EQ(exponential.law->kind, LawKind::exponential);
      EXPECT_NEAR(exponential.law->exponent.value, c, 1e-9);
      EXPECT_FALSE(exponential.law->exponent.low);  // one seed
      const LawFit power = exact_law(c, 1, depth);
      ASSERT_TRUE(power.law) << power.reason;
      EXPECT_EQ(power.law->kind, LawKind::power);
      EXPECT_NEAR(power.law->exponent.value, c, 1e-9);
      for (const double gamma : {-0.5, 0.3, 0.5, 0.8}) {
        const LawFit stretched = exact_law(c, gamma, depth);
        ASSERT_TRUE(stretched.law) << stretched.reason;
        EXPECT_EQ(stretched.law->kind, LawKind::stretched) << gamma;
        EXPECT_NEAR(stretched.law->exponent.value, 1 - gamma, 1e-9);
      }
    }
  }
}

TEST(GrowthLaw, SeedsThatAgreeHaveAnIntervalOfNoWidth) {
  std::mt19937_64 random;
  const LawFit fit = MadeUp{.c = 0.1, .gamma = 0.5}.fit(random);
  ASSERT_TRUE(fit.law);
  EXPECT_NEAR(*fit.law->exponent.low, 0.5, 1e-6);
  EXPECT_NEAR(*fit.law->exponent.high, 0.5, 1e-6);
}

/// The 95 % interval of γ, and of the exponent, holds the truth in about 95 of 100 draws, whatever
/// the noise is like: with 1000 draws 93 to 97.
TEST(GrowthLaw, IntervalsHoldTheTruthAsOftenAsTheySay) {
  const MadeUp cases[] = {{.c = -0.1, .gamma = 0, .noise = 0.2},
                          {.c = -0.5, .gamma = 1, .noise = 0.01},
                          {.c = 0.4, .gamma = 0.5, .noise = 0.05},
                          {.c = 0.4, .gamma = 0.5, .noise = 0.05, .seeds = 4},
                          {.c = 0.4, .gamma = 0.5, .noise = 0.02, .memory = 0.8},
                          {.c = -0.5, .gamma = 1, .noise = 0.25, .fading = 1}};
  std::mt19937_64 random(7);
  for (const MadeUp& made : cases) {
    constexpr int draws = 1000;
    int fitted = 0;
    int gamma_holds = 0;
    int exponent_holds = 0;
    int of_its_kind = 0;
    const double exponent = made.gamma == 0.5 ? 0.5 : made.c;
    for (int i = 0; i < draws; ++i) {
      const LawFit fit = made.fit(random);
      if (!fit.gamma) continue;
      ++fitted;
      gamma_holds += *fit.gamma->low <= made.gamma && made.gamma <= *fit.gamma->high;
      const LawKind kind = made.gamma == 0   ? LawKind::exponential
                           : made.gamma == 1 ? LawKind::power
                                             : LawKind::stretched;
      if (!fit.law || fit.law->kind != kind) continue;
      ++of_its_kind;
      exponent_holds += *fit.law->exponent.low <= exponent && exponent <= *fit.law->exponent.high;
    }
    EXPECT_EQ(fitted, draws);
    EXPECT_NEAR(gamma_holds, 0.95 * draws, 0.02 * draws) << made.gamma << ' ' << made.memory;
    EXPECT_GT(of_its_kind, 0.9 * draws) << made.gamma << ' ' << made.memory;
    EXPECT_NEAR(exponent_holds, 0.95 * of_its_kind, 0.03 * draws) << made.gamma;
  }
}

TEST(GrowthLaw, WhereNothingGrowsThereIsHardlyEverOne) {
  std::mt19937_64 random(8);
  int laws = 0;
  constexpr int draws = 1000;
  for (int i = 0; i < draws; ++i) laws += MadeUp{.noise = 0.1}.fit(random).law.has_value();
  EXPECT_LT(laws, 0.08 * draws);
}

TEST(GrowthLaw, WhereThereIsNoneItSaysWhy) {
  std::mt19937_64 random(9);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(exact_law(0.1, 0, 3).reason, HasSubstr("fewer than 4"));
  EXPECT_THAT((MadeUp{.c = 1, .noise = 0.1, .seeds = 1}.fit(random).reason),
              HasSubstr("one seed has no interval"));
  std::vector<std::vector<double>> ends(2, std::vector<double>(30, 1.0));
  ends[1][20] = nan;
  EXPECT_THAT(fit_law(ends, true, tiny_rounding).reason, HasSubstr("ends on the way"));
  ends[1][20] = 1;
  EXPECT_THAT(fit_law(ends, true, tiny_rounding).reason, HasSubstr("does not change"));
  const std::vector<std::vector<double>> rounding{{0, 1e-8, 2e-8, 4e-8, 5e-8, 6e-8}};
  EXPECT_THAT(fit_law(rounding, false, 1e-7).reason, HasSubstr("rounding"));
  EXPECT_TRUE(fit_law(rounding, false, 1e-9).law);
  EXPECT_THAT((MadeUp{.noise = 0.1}.fit(random).reason), HasSubstr("not told from none"));
  int not_told_apart = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string reason = MadeUp{.c = 0.012, .noise = 0.1}.fit(random).reason;
    not_told_apart += reason.find("not told apart") != std::string::npos;
  }
  EXPECT_GT(not_told_apart, 50);
  EXPECT_THAT(exact_law(0.1, 2).reason, HasSubstr("comes to an end"));
  EXPECT_THAT(exact_law(0.1, 4).reason, HasSubstr("no power"));
  EXPECT_THAT(exact_law(0.1, -2).reason, HasSubstr("no power"));
}

GrowthResult measured_on_cpu(const GrowthSpec& spec) {
  const Providers providers = make_providers({.threads = 1});
  return measure_growth(spec, *find(providers, "cpu"));
}

/// Orthogonal weights: with Gaussian ones the term of order 1/N, a rate, hides the power.
TEST(GrowthLaw, CriticalTanhIsAPowerOfMinusOneHalf) {
  GrowthSpec spec;
  spec.init.W.kind = WeightInit::Kind::orthogonal;
  spec.depth = 4000;
  spec.width = 32;
  const GrowthResult result = measured_on_cpu(spec);
  ASSERT_TRUE(result.law.law) << result.law.reason;
  EXPECT_EQ(result.law.law->kind, LawKind::power);
  EXPECT_NEAR(result.law.law->exponent.value, -0.5, 0.01);
  EXPECT_LT(*result.law.law->exponent.high - *result.law.law->exponent.low, 0.02);
  ASSERT_TRUE(result.theory_law);
  EXPECT_EQ(result.theory_law->kind, LawKind::power);
  EXPECT_NEAR(result.theory_law->exponent.value, -0.5, 0.005);
}

TEST(GrowthLaw, ResidualTanhIsAStretchedExponential) {
  GrowthSpec spec;
  spec.net = "residual";
  spec.depth = 1000;
  spec.width = 64;
  spec.seeds = 16;
  const GrowthResult result = measured_on_cpu(spec);
  ASSERT_TRUE(result.law.law) << result.law.reason;
  EXPECT_EQ(result.law.law->kind, LawKind::stretched);
  EXPECT_NEAR(result.law.law->exponent.value, 0.5, 0.1);
  ASSERT_TRUE(result.theory_law);
  EXPECT_EQ(result.theory_law->kind, LawKind::stretched);
  EXPECT_NEAR(result.theory_law->exponent.value, 0.5, 0.05);
  const Interval& exponent = result.law.law->exponent;
  EXPECT_LE(*exponent.low, result.theory_law->exponent.value);
  EXPECT_GE(*exponent.high, result.theory_law->exponent.value);
}

TEST(GrowthLaw, HeReluIsAnExponentialOfItsExactRate) {
  GrowthSpec spec;
  spec.activation = "relu";
  spec.init.W.kind = WeightInit::Kind::he;
  spec.depth = 800;
  spec.width = 16;
  spec.seeds = 20;
  const GrowthResult result = measured_on_cpu(spec);
  ASSERT_TRUE(result.law.law) << result.law.reason;
  EXPECT_EQ(result.law.law->kind, LawKind::exponential);
  EXPECT_EQ(result.law.law->exponent.value, result.rate.value);
  EXPECT_LE(*result.law.law->exponent.low, -0.08820);
  EXPECT_GE(*result.law.law->exponent.high, -0.08820);
  EXPECT_NEAR(result.theory_law->exponent.value, -0.08820, 5e-6);
  EXPECT_EQ(result.theory_law->kind, LawKind::exponential);
}

TEST(GrowthLaw, ANetWithoutRandomnessIsJudgedByOneSeed) {
  GrowthSpec spec;
  spec.activation = "identity";
  spec.init.W = {WeightInit::Kind::identity, 0.9, {}};
  spec.width = 4;
  spec.seeds = 1;
  const GrowthResult shrinking = measured_on_cpu(spec);
  ASSERT_TRUE(shrinking.law.law) << shrinking.law.reason;
  EXPECT_EQ(shrinking.law.law->kind, LawKind::exponential);
  EXPECT_NEAR(shrinking.law.law->exponent.value, std::log(0.9), 1e-6);
  spec.init.W.scale = 1;
  EXPECT_THAT(measured_on_cpu(spec).law.reason, HasSubstr("does not change"));
  spec.init.W = {WeightInit::Kind::gaussian, 0.9, {}};
  EXPECT_THAT(measured_on_cpu(spec).law.reason, HasSubstr("one seed"));
}

}  // namespace
}  // namespace gradepth::growth
