#include "host/growth/precision/horizon.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "host/device/threads.h"
#include "host/growth/states/states.h"
#include "host/growth/study/measure.h"

namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;
using testing::Each;
using testing::ElementsAre;
using testing::Optional;

const Providers& plain() {
  static const Providers all = make_providers({});
  return all;
}
const Providers& flushed() {
  static const Providers all = make_providers({.flush_subnormals = true});
  return all;
}
Provider& reference(bool flush = false) { return *find(flush ? flushed() : plain(), "reference"); }

std::vector<PrecisionHorizon> horizons(const GrowthSpec& spec) { return precision_horizons(spec); }

/// One unit, every map a multiplication by w; the gradient starts at 1.
GrowthSpec multiplication(double w, std::int64_t depth) {
  GrowthSpec spec;
  spec.net = "elman";
  spec.activation = "identity";
  spec.width = 1;
  spec.depth = depth;
  spec.seeds = 1;
  spec.init.W = {Kind::constant, w, {}};
  spec.init.h0 = {ValueInit::Kind::constant, 1};
  spec.init.loss = Initialisation::LossGradient::ones;
  return spec;
}

/// Times 1/4 from 1 the formats' last number that is not 0 is at 74, 63, 66, 12: 2^-149 and 2^-133
/// are the least subnormals of f32 and bf16 (so 4^-74 and 4^-66 are left), 2^-126 f32's least
/// normal number, 2^-24 = 4^-12 the least of f16. Half of the digits are left from 2^-137, 2^-126
/// (all), 2^-129, 2^-19 on.
/// The key `precision` of the spec's row.
nlohmann::ordered_json precision_row(const GrowthSpec& spec) {
  GrowthResult result;
  result.status = Status::unsupported;
  return row(spec, result, {.horizons = horizons(spec), .at = {}}).at("precision");
}

TEST(GrowthPrecision, QuarterChain) {
  const auto of = horizons(multiplication(0.25, 100));
  ASSERT_EQ(of.size(), 4U);
  EXPECT_EQ(label(of[0]) + ' ' + label(of[1]) + ' ' + label(of[2]) + ' ' + label(of[3]),
            "f32 f32_ftz bf16 f16");
  const std::size_t last[] = {74, 63, 66, 12};
  const double lost_at[] = {69, 64, 65, 10};
  for (std::size_t f = 0; f < 4; ++f) {
    EXPECT_EQ(of[f].zero[last[f]], 0) << label(of[f]);
    EXPECT_EQ(of[f].zero[last[f] + 1], 1) << label(of[f]);
    EXPECT_THAT(of[f].lost_at, Optional(lost_at[f]));
    EXPECT_THAT(of[f].nonfinite, Each(0.0));
    EXPECT_NEAR(of[f].ln_needed, 100 * std::log(4.0), 1e-12);
  }
  // 4^-100 = 2^-200 becomes the least number with half of its digits.
  EXPECT_THAT(of[0].saving_loss_scale, Optional(0x1p63));
  EXPECT_THAT(of[1].saving_loss_scale, Optional(0x1p74));
  EXPECT_THAT(of[2].saving_loss_scale, Optional(0x1p71));
  // f16 holds 2^-19 … 2^15 so: 17 quarters.
  EXPECT_FALSE(of[3].saving_loss_scale);
  EXPECT_THAT(of[3].best_lost_at, Optional(18.0));
  EXPECT_GE(of[3].best_loss_scale, 0x1p14);
  EXPECT_NEAR(of[3].ln_range, std::log(65504) + 24 * std::log(2.0), 1e-12);
  EXPECT_NEAR(of[1].ln_range, std::log(0x1.fffffep127) + 126 * std::log(2.0), 1e-12);
  // Subnormal from 2^-15 to 2^-24, and never when flushed.
  for (std::size_t d = 0; d <= 100; ++d) {
    EXPECT_EQ(of[3].subnormal[d], d >= 8 && d <= 12 ? 1 : 0) << d;
    EXPECT_EQ(of[0].subnormal[d], d >= 64 && d <= 74 ? 1 : 0) << d;
  }
  EXPECT_THAT(of[1].subnormal, Each(0.0));
}

TEST(GrowthPrecision, AnExplodingGradientNeedsAScaleBelowOne) {
  const auto chain = [](std::int64_t depth) {
    GrowthSpec spec = multiplication(8, depth);
    spec.init.h0.scale = 0;  // its states stay in range
    return horizons(spec);
  };
  const auto of = chain(20);  // up to 2^60
  EXPECT_FALSE(of[0].lost_at);
  EXPECT_THAT(of[0].saving_loss_scale, Optional(1.0));
  EXPECT_THAT(of[3].lost_at, Optional(6.0));  // 8^5 = 32768, 8^6 lies above 65504
  EXPECT_EQ(of[3].nonfinite[6], 1);
  EXPECT_FALSE(of[3].saving_loss_scale);
  // From 2^-19 on a gradient of 1 keeps half of its digits; 2^(-18 + 33) is in range, 36 is not.
  EXPECT_EQ(of[3].best_loss_scale, 0x1p-18);
  EXPECT_THAT(of[3].best_lost_at, Optional(12.0));
  const auto shorter = chain(10);  // up to 2^30
  EXPECT_THAT(shorter[3].saving_loss_scale, Optional(0x1p-15));
}

TEST(GrowthPrecision, WhatComesInIsFlushedToo) {
  GrowthSpec spec = multiplication(1, 1);
  spec.init.loss_scale = 0x1p-130;
  const auto of = horizons(spec);
  EXPECT_THAT(of[0].subnormal, ElementsAre(1.0, 1.0));
  EXPECT_THAT(of[1].zero, ElementsAre(1.0, 1.0));
  EXPECT_THAT(of[1].lost_at, Optional(0.0));
  EXPECT_EQ(of[1].loss_scale, 0x1p-130);
  EXPECT_THAT(of[1].saving_loss_scale, Optional(1.0));
}

/// A gradient that is 0 itself is not lost.
TEST(GrowthPrecision, AStructuralZeroIsNotLost) {
  GrowthSpec spec = multiplication(1, 3);
  spec.activation = "relu";
  spec.init.h0.scale = 0;  // at the kink
  for (const PrecisionHorizon& h : horizons(spec)) {
    EXPECT_EQ(h.zero[3], 1);
    EXPECT_FALSE(h.lost_at);
    EXPECT_THAT(h.saving_loss_scale, Optional(1.0));
  }
}

/// h = tanh(a) at one a in every step. Below 1 the numbers of bf16 are 2^-8 apart, of f16 2^-11, of
/// f32 2^-24; h rounds to 1, where 1 - h² is 0, if 1 - tanh a ≈ 2 exp(-2a) is less than half of
/// that: from a = 3.47, 4.51 and 9.01 on.
TEST(GrowthPrecision, SlopesThatOnlyTheFormatMakesZero) {
  struct Case {
    double a;
    bool dead[4];
  };
  for (const Case& c :
       {Case{3.25, {false, false, false, false}}, Case{3.75, {false, false, true, false}},
        Case{4.75, {false, false, true, true}}, Case{10, {true, true, true, true}},
        Case{20, {true, true, true, true}}}) {  // where 1 - y² is 0 in float64 too
    GrowthSpec spec = multiplication(0.5 * c.a, 5);
    spec.activation = "tanh";
    spec.init.bias = {ValueInit::Kind::constant, 0.5 * c.a};
    const auto of = horizons(spec);
    for (std::size_t f = 0; f < 4; ++f) {
      const PrecisionHorizon& h = of[f];
      EXPECT_TRUE(std::isnan(h.dead_slope[0]));
      EXPECT_EQ(h.dead_slope[3], c.dead[f] ? 1 : 0) << label(h) << ' ' << c.a;
      if (!c.dead[f]) continue;
      EXPECT_THAT(h.lost_at, Optional(1.0));  // and no scale helps
      EXPECT_FALSE(h.saving_loss_scale);
      EXPECT_EQ(h.best_loss_scale, 1);
    }
  }
  // From the pre-activation none of them is 0.
  GrowthSpec from_input = multiplication(2.5, 5);
  from_input.activation = "tanh";
  from_input.init.bias = {ValueInit::Kind::constant, 2.5};
  from_input.slope = SlopeFrom::input;
  for (const PrecisionHorizon& h : horizons(from_input)) EXPECT_EQ(h.dead_slope[3], 0) << label(h);
  GrowthSpec spec = multiplication(1, 2);
  spec.activation = "gelu";  // its slope needs what is not recorded
  EXPECT_TRUE(std::isnan(horizons(spec)[0].dead_slope[1]));
}

/// The shares are those of a growth run in the format.
TEST(GrowthPrecision, AgreesWithAGrowthRunInTheFormat) {
  for (const char* net : {"mlp", "lstm", "residual", "cnn"}) {
    GrowthSpec spec;
    spec.net = Net::find(net).value();
    spec.activation = spec.net == "lstm" ? Activation("tanh") : Activation("sigmoid");
    spec.width = net == std::string("cnn") ? 1 : 7;
    spec.batch = 3;
    spec.depth = 33;
    spec.seeds = 3;
    spec.init.loss_scale = 0x1p-125;
    const auto of = horizons(spec);
    for (const PrecisionHorizon& h : of) {
      spec.dtype = h.dtype;
      const GrowthResult r = measure_growth(spec, reference(h.flush));
      for (std::size_t d = 0; d <= 33; ++d) {
        EXPECT_NEAR(h.zero[d], r.zero[d], 1e-14)
            << net << label(h) << d;  // summed in another order
        EXPECT_NEAR(h.subnormal[d], r.subnormal[d], 1e-14) << net << label(h) << d;
        EXPECT_EQ(h.nonfinite[d], r.nonfinite[d]) << net << label(h) << d;
      }
    }
    EXPECT_THAT(of[0].subnormal, testing::Contains(testing::Gt(0.0))) << net;
    EXPECT_THAT(of[1].subnormal, Each(0.0)) << net;
  }
}

/// The processor's own FTZ and DAZ, in the provider cpu. Its sums run in another order, so an
/// element within some 2^-20 of the threshold may fall to the other side: one in thousands.
TEST(GrowthPrecision, FlushesAsTheProcessorDoes) {
  GrowthSpec spec;
  spec.activation = "sigmoid";
  spec.width = 33;
  spec.batch = 3;
  spec.depth = 70;
  spec.seeds = 2;
  spec.init.W = {Kind::identity, 1, {}};
  const PrecisionHorizon h = horizons(spec)[1];
  const GrowthResult cpu = measure_growth(spec, *find(flushed(), "cpu"));
#ifndef __SSE2__
  GTEST_SKIP() << "provider cpu flushes on x86-64 alone";
#endif
  EXPECT_EQ(*std::max_element(cpu.subnormal.begin(), cpu.subnormal.end()), 0);
  double between = 0;
  for (std::size_t d = 0; d <= 70; ++d) {
    EXPECT_NEAR(h.zero[d], cpu.zero[d], 1.5 / (2 * 33 * 3)) << d;
    between = std::max(between, h.zero[d] < 1 ? h.zero[d] : 0.0);
  }
  EXPECT_GT(between, 0.1);  // some depth tells more than all or nothing
  EXPECT_EQ(h.zero[70], 1);
}

/// First depth at which half of what float64 keeps is 0, or something is not finite; L + 1: none.
std::size_t first_lost(const GrowthSpec& spec, std::uint64_t seed, Dtype dtype, bool flush,
                       double scale) {
  const auto gradients = [&](Dtype d, bool f, double s) {
    GrowthSpec run = spec;
    run.dtype = d;
    run.init.loss_scale = s;
    const PlanPtr plan = std::get<PlanPtr>(reference(f).plan(make_problem(run)));
    plan->set(draw(make_problem(run), run.init, seed));
    plan->run();
    std::vector<Tensor> tensors{plan->get("dh"), plan->get("h")};
    if (spec.net == "lstm") {
      tensors.insert(tensors.begin() + 1, plan->get("dc"));
      tensors.push_back(plan->get("c"));
    }
    return tensors;
  };
  const auto exact = gradients(Dtype::f64, false, 1);
  const auto got = gradients(dtype, flush, scale);
  const auto L = static_cast<std::size_t>(spec.depth);
  // 2^-24 and 2^-149 are the least numbers of f16 and f32, with 11 and 24 digits.
  const double with_digits = dtype == Dtype::f16 ? 0x1p-19 : 0x1p-137;
  const std::size_t tensors = got.size() / 2;
  bool finite = true;
  for (std::size_t d = 0; d <= L; ++d) {
    int alive = 0;
    int zero = 0;
    double squares = 0;
    double fourths = 0;
    for (std::size_t t = 0; t < tensors; ++t) {
      const auto x = slice(exact[t], L - d);
      const auto y = slice(got[t], L - d);
      for (std::size_t i = 0; i < x.size(); ++i) {
        alive += x[i] != 0;
        zero += x[i] != 0 && y[i] == 0;
        finite = finite && std::isfinite(y[i]);
        squares += std::pow(y[i], 2);
        fourths += std::pow(y[i], 4);
      }
    }
    for (std::size_t t = tensors; t < got.size() && d > 0; ++t) {  // the state that map d made
      for (const double h : slice(got[t], L - d + 1)) finite = finite && std::isfinite(h);
    }
    const bool no_digits = squares > 0 && fourths / squares < with_digits * with_digits;
    if (!finite || no_digits || (alive > 0 && 2 * zero >= alive)) return d;
  }
  return L + 1;
}

/// The scale that the search finds, against every power of two.
TEST(GrowthPrecision, BestScaleOfAll) {
  std::vector<GrowthSpec> specs(5);
  specs[0].activation = "sigmoid";  // vanishes: f16 has no scale for all depths, or nearly none
  specs[0].depth = 16;
  specs[1].net = "lstm";
  specs[1].depth = 33;
  specs[2].net = "elman";  // explodes
  specs[2].activation = "relu";
  specs[2].init.W.scale = 4;
  specs[2].init.h0.scale = 0.01;
  specs[2].depth = 12;
  specs[3].activation = "sigmoid";  // clipped: the scale changes more than the size
  specs[3].clip_value = 4;
  specs[3].depth = 12;
  for (GrowthSpec& spec : specs) {
    spec.width = 7;
    spec.batch = 3;
    spec.seeds = 2;
  }
  // h stays near 1 with f' = 2^-12: dL/da is 16 times smaller than the dL/dh that it makes, which
  // the sizes of dL/dh do not tell.
  specs[4] = multiplication(16, 20);
  specs[4].activation = "tanh";
  specs[4].init.bias = {ValueInit::Kind::constant, 7 * std::numbers::ln2 - 16};
  for (const GrowthSpec& spec : specs) {
    const PrecisionHorizon h = horizons(spec)[spec.width == 1 ? 0 : 3];
    std::size_t most = 0;
    int best = 0;
    for (int k = -40; k <= 40; ++k) {
      std::size_t lost = 0;
      for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(spec.seeds); ++seed) {
        lost += first_lost(spec, seed, h.dtype, h.flush, std::ldexp(1.0, k));
      }
      if (lost > most || (lost == most && std::abs(k) < std::abs(best))) {
        most = lost;
        best = k;
      }
    }
    EXPECT_EQ(h.best_loss_scale, std::ldexp(1.0, best)) << spec.net.name() << spec.depth;
    const bool saved = most == static_cast<std::size_t>(spec.seeds * (spec.depth + 1));
    EXPECT_EQ(h.saving_loss_scale.has_value(), saved) << spec.net.name() << spec.depth;
    EXPECT_NE(best, 0) << spec.net.name() << spec.depth;  // the comparison says something
  }
}

TEST(GrowthPrecision, VerdictsOfARunInTheFormat) {
  GrowthSpec spec = multiplication(0.25, 14);
  const auto verdict = [&] { return measure_growth(spec, reference()).verdict; };
  spec.dtype = Dtype::f16;
  EXPECT_EQ(verdict(), Verdict::underflowed);
  spec.init.loss_scale = 0x1p9;  // 2^9 / 4^14 = 2^-19
  EXPECT_EQ(verdict(), Verdict::vanishing);
  spec.init.loss_scale = 0x1p17;  // above 65504
  EXPECT_EQ(verdict(), Verdict::overflowed);
  spec = multiplication(8, 10);
  spec.dtype = Dtype::f16;
  EXPECT_EQ(verdict(), Verdict::overflowed);
  spec.init.h0.scale = 0;
  spec.init.loss_scale = 0x1p-15;
  EXPECT_EQ(verdict(), Verdict::exploding);
  spec = multiplication(1, 14);  // 0 in float64 too
  spec.activation = "relu";
  spec.init.h0.scale = 0;
  spec.dtype = Dtype::f16;
  EXPECT_EQ(verdict(), Verdict::zero);
}

TEST(GrowthPrecision, Row) {
  const nlohmann::ordered_json row = precision_row(multiplication(0.25, 20));
  ASSERT_EQ(row.size(), 4U);
  for (const auto& format : row) {
    for (const char* key : {"zero", "subnormal", "nonfinite", "dead_slope"}) {
      EXPECT_EQ(format[key].size(), 21U) << key;
    }
    EXPECT_TRUE(format["dead_slope"][0].is_null());
  }
  EXPECT_EQ(row[1]["dtype"], "f32");
  EXPECT_EQ(row[1]["flush"], true);
  EXPECT_TRUE(row[1]["lost_at"].is_null());
  EXPECT_EQ(row[1]["saving_loss_scale"], 1);
  EXPECT_EQ(row[3]["dtype"], "f16");
  EXPECT_EQ(row[3]["lost_at"], 10);
  EXPECT_TRUE(row[3]["saving_loss_scale"].is_null());
  EXPECT_EQ(row[3]["best"]["lost_at"], 18);
}

TEST(GrowthPrecision, TheNumberOfThreadsDoesNotChangeABit) {
  GrowthSpec spec;
  spec.width = 9;
  spec.depth = 40;
  spec.seeds = 5;
  spec.init.W.scale = 0.5;
  const auto measured = [&] { return precision_row(spec).dump(); };
  std::string alone;
  parallel(2, [&](const Worker& worker) {  // a member of a team runs its seeds one by one
    if (worker.id() == 0) alone = measured();
  });
  EXPECT_EQ(measured(), alone);
}

TEST(GrowthPrecision, RefusesABadSpec) {
  GrowthSpec spec;
  spec.net = "additive";
  EXPECT_THROW((void)horizons(spec), std::invalid_argument);
  spec = multiplication(1, 1);
  spec.clip_value = 1e-9;  // 0 in f16, which would be no clipping
  EXPECT_THROW((void)horizons(spec), std::invalid_argument);
  spec.clip_value = 1e-7;
  EXPECT_NO_THROW((void)horizons(spec));
  spec.seeds = 0;
  EXPECT_THROW((void)horizons(spec), std::invalid_argument);
}

}  // namespace
}  // namespace gradepth::growth
