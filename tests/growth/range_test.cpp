#include "host/growth/study/range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "host/growth/precision/horizon.h"
#include "host/growth/study/measure.h"
#include "host/providers/factories.h"

/// What a run says where its number format runs out, and how the whole way is judged.
namespace gradepth::growth {
namespace {

using testing::HasSubstr;

Providers& providers() {
  static Providers all = make_providers({.threads = 1});
  return all;
}

GrowthResult measure(const GrowthSpec& spec, const char* provider = "reference") {
  return measure_growth(spec, *find(providers(), provider));
}

std::size_t seeds_with(const GrowthResult& result, Verdict verdict) {
  return result.verdicts.at(static_cast<std::size_t>(verdict));
}

/// h' = 0.9 h, every element 1 at the loss end: nothing is random.
GrowthSpec shrinking(Dtype dtype, std::int64_t depth) {
  GrowthSpec spec;
  spec.net = "elman";
  spec.activation = "identity";
  spec.init.W = {WeightInit::Kind::identity, 0.9, {}};
  spec.init.h0 = {ValueInit::Kind::constant, 0};
  spec.init.loss = Initialisation::LossGradient::ones;
  spec.width = 4;
  spec.seeds = 1;
  spec.depth = depth;
  spec.dtype = dtype;
  return spec;
}

GrowthSpec relu_rnn(double gain, std::int64_t depth, std::int64_t width, std::int64_t seeds) {
  GrowthSpec spec;
  spec.net = "elman";
  spec.activation = "relu";
  spec.init.W = {WeightInit::Kind::gaussian, gain, {}};
  spec.depth = depth;
  spec.width = width;
  spec.seeds = seeds;
  return spec;
}

TEST(Range, TypicalSize) {
  const std::vector<double> equal{3, -3, 3, 0};
  const std::vector<double> one{0, 5e-300};
  const std::vector<double> zero{0, 0};
  const std::vector<double> infinite{1, std::numeric_limits<double>::infinity()};
  EXPECT_DOUBLE_EQ(typical_size({equal}), 3);
  EXPECT_DOUBLE_EQ(typical_size({one, zero}), 5e-300);
  EXPECT_EQ(typical_size({zero}), 0);
  EXPECT_TRUE(std::isinf(typical_size({equal, infinite})));
}

TEST(Range, HalfOfTheDigits) {
  const auto lost = [](double x, Rounding rounding) {
    const std::vector<double> one{x};
    return has_lost_digits({one}, rounding);
  };
  EXPECT_TRUE(lost(0x1p-20, {Dtype::f16}));  // 2^4 of 2^-24
  EXPECT_FALSE(lost(0x1p-19, {Dtype::f16}));
  EXPECT_TRUE(lost(0x1p-138, {Dtype::f32}));
  EXPECT_FALSE(lost(0x1p-137, {Dtype::f32}));
  EXPECT_TRUE(lost(0x1p-130, {Dtype::bf16}));
  EXPECT_FALSE(lost(0x1p-129, {Dtype::bf16}));
  EXPECT_TRUE(lost(0x1p-1049, {Dtype::f64}));
  EXPECT_FALSE(lost(0x1p-1048, {Dtype::f64}));
  EXPECT_TRUE(lost(0x1p-127, {Dtype::f32, true}));
  EXPECT_FALSE(lost(0x1p-126, {Dtype::f32, true}));
  EXPECT_FALSE(lost(0, {Dtype::f32}));
}

/// Rounding holds the gradient at a few least numbers for ever: it is not stable.
TEST(Range, AGradientStuckAmongTheSubnormalsRanOut) {
  struct Case {
    Dtype dtype;
    std::int64_t depth;
  };
  for (const Case c : {Case{Dtype::f16, 300}, Case{Dtype::f16, 2000}, Case{Dtype::bf16, 20000},
                       Case{Dtype::f32, 20000}, Case{Dtype::f64, 20000}}) {
    const GrowthResult r = measure(shrinking(c.dtype, c.depth));
    EXPECT_EQ(r.verdict, Verdict::underflowed) << name(c.dtype);
    const double rate = std::log(round_to(c.dtype, 0.9));
    EXPECT_NEAR(r.rate.value, rate, 1e-4) << name(c.dtype);
    EXPECT_NEAR(r.total.value / static_cast<double>(c.depth), rate, 1e-4);
    EXPECT_NEAR(r.reach.value_or(0), std::log(1e-3) / rate, 0.1);
    EXPECT_THAT(r.reason, HasSubstr("1 of 1 seed left the range of " + std::string(name(c.dtype))));
  }
  GrowthSpec gate = shrinking(Dtype::f16, 2000);  // dc' = sigmoid(2) dc
  gate.net = "lstm";
  gate.activation = "tanh";
  gate.init.W = {WeightInit::Kind::constant, 0, {}};
  gate.init.forget_bias = 2;
  const GrowthResult r = measure(gate);
  EXPECT_EQ(r.verdict, Verdict::underflowed);
  EXPECT_NEAR(r.rate.value, -std::log1p(std::exp(-2.0)), 1e-4);
}

TEST(Range, PrecisionFollowsTheSameDefinition) {
  const auto horizons = precision_horizons(shrinking(Dtype::f32, 2000));
  const PrecisionHorizon& f16 = horizons[3];
  ASSERT_TRUE(f16.lost_at);
  EXPECT_NEAR(*f16.lost_at, std::log(0x1p-19) / std::log(0.9), 1.5);
  EXPECT_FALSE(f16.saving_loss_scale);
}

/// mlp of sigmoids: f32 ends near depth 60.
TEST(Range, TheRateGoesOnBehindIt) {
  GrowthSpec spec;
  spec.activation = "sigmoid";
  spec.width = 64;
  spec.depth = 800;
  const GrowthResult r = measure(spec, "cpu");
  EXPECT_EQ(r.verdict, Verdict::underflowed);
  EXPECT_EQ(seeds_with(r, Verdict::underflowed), 8U);
  EXPECT_NEAR(r.rate.value, -1.453, 0.01);
  EXPECT_THAT(r.reason, HasSubstr("8 of 8 seeds left the range of f32"));
  EXPECT_THAT(r.reason, HasSubstr("the rate goes on in float64"));
}

/// ReLU'(NaN) is 1 to PyTorch: a rate of such slopes is none.
TEST(Range, StatesThatAreNotFiniteGiveNoSlopes) {
  const GrowthResult r = measure(relu_rnn(4, 200, 64, 4), "cpu");
  EXPECT_EQ(r.verdict, Verdict::overflowed);
  EXPECT_NEAR(r.rate.value, 1.029, 0.01);
  EXPECT_NEAR(r.rate.low.value_or(0), 0.865, 0.02);
  EXPECT_NEAR(r.rate.high.value_or(0), 1.193, 0.02);
  EXPECT_FALSE(std::isfinite(r.ln_norm.median.back()));
}

/// Narrow ReLU nets die; what is left is said.
TEST(Range, SeedsThatDieAreCounted) {
  GrowthSpec spec;
  spec.activation = "relu";
  spec.init.W = {WeightInit::Kind::he, 1, {}};
  spec.width = 4;
  spec.depth = 60;
  spec.seeds = 20;
  const GrowthResult r = measure(spec);
  const std::size_t dead = seeds_with(r, Verdict::zero);
  EXPECT_GE(dead, 10U);
  EXPECT_EQ(r.verdict, Verdict::zero);
  EXPECT_THAT(r.reason,
              HasSubstr("the gradient of " + std::to_string(dead) + " of 20 seeds becomes 0"));
}

/// The format's zero is not the net's: 1 - y² is 0 in f16 where tanh' is e^-9.
TEST(Range, ZeroIsStructuralAlone) {
  GrowthSpec spec;
  spec.activation = "tanh";
  spec.init.W = {WeightInit::Kind::identity, 1, {}};
  spec.init.bias = {ValueInit::Kind::constant, 5};
  spec.init.h0 = {ValueInit::Kind::constant, 0};
  spec.width = 3;
  spec.depth = 5;
  for (const SlopeFrom slope : {SlopeFrom::output, SlopeFrom::input}) {
    spec.dtype = Dtype::f16;
    spec.slope = slope;
    EXPECT_EQ(measure(spec).verdict, Verdict::underflowed);
  }
  spec.init.bias.scale = 1000;  // less than the least float64
  spec.dtype = Dtype::f64;
  EXPECT_EQ(measure(spec).verdict, Verdict::underflowed);
  spec.activation = "hard_tanh";  // flat there
  EXPECT_EQ(measure(spec).verdict, Verdict::zero);
  spec.activation = "identity";
  spec.init.W.scale = 0;
  EXPECT_EQ(measure(spec).verdict, Verdict::zero);
}

/// The first maps shrink the gradient to 1/1250, which the fit leaves out.
TEST(Verdicts, CountTheWholeWay) {
  GrowthSpec spec;
  spec.init.W = {WeightInit::Kind::orthogonal, 1, {}};
  spec.init.h0 = {ValueInit::Kind::gaussian, 300};
  const GrowthResult r = measure(spec);
  EXPECT_EQ(r.verdict, Verdict::vanishing);
  EXPECT_GT(r.total.value, -std::numbers::ln10);
  EXPECT_LT(r.ln_norm.median.back(), -6);
  EXPECT_THAT(r.reason, HasSubstr("the fit over depths 5 to 45 alone says stable"));
}

TEST(Verdicts, OfEachSeed) {
  const GrowthResult r = measure(relu_rnn(1.5, 60, 32, 20));
  std::size_t all = 0;
  for (const std::size_t n : r.verdicts) all += n;
  EXPECT_EQ(all, 20U);
  EXPECT_GT(seeds_with(r, Verdict::exploding), 8U);
}

TEST(Verdicts, NeedAnIntervalAndDepth) {
  GrowthSpec spec;
  spec.seeds = 1;
  EXPECT_EQ(measure(spec).verdict, Verdict::inconclusive);
  EXPECT_EQ(measure(shrinking(Dtype::f32, 100)).verdict, Verdict::vanishing);
  spec.seeds = 8;
  for (const std::int64_t depth : {1, 3}) {
    spec.depth = depth;
    EXPECT_EQ(measure(spec).verdict, Verdict::too_shallow);
  }
  spec.depth = 4;
  EXPECT_NE(measure(spec).verdict, Verdict::too_shallow);
}

}  // namespace
}  // namespace gradepth::growth
