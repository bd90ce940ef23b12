#include "host/growth/laws/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "host/growth/study/measure.h"
#include "host/providers/provider.h"

namespace gradepth::growth {
namespace {

using std::numbers::ln10;
using testing::HasSubstr;
using testing::IsEmpty;

GainWindow rooted(const std::function<double(double)>& ln_growth) {
  return find_window(ln_growth, 1e-5);
}

TEST(GainWindow, OfATotalThatRises) {
  for (const double L : {1.0, 10.0, 1000.0, 1e6}) {
    const GainWindow window =
        rooted([&](double gain) { return L * std::log(gain / std::numbers::sqrt2); });
    const double step = std::pow(10, 1 / L);
    EXPECT_NEAR(*window.low, std::numbers::sqrt2 / step, 2e-5 / L * *window.low) << L;
    EXPECT_NEAR(*window.high, std::numbers::sqrt2 * step, 2e-5 / L * *window.high) << L;
    EXPECT_NEAR(*window.width(), *window.high - *window.low, 1e-15);
    EXPECT_THAT(window.reason, IsEmpty());
    EXPECT_LT(window.evaluations, 60U) << L;
  }
}

TEST(GainWindow, MayBeginAt0AndLieAnywhere) {
  const GainWindow from_0 = rooted([](double gain) { return gain; });
  EXPECT_EQ(from_0.low, 0);
  EXPECT_NEAR(*from_0.high, ln10, 1e-4);
  for (const double where : {1e-9, 1e-3, 0.3, 1.0, 700.0}) {
    const GainWindow window = rooted([&](double gain) { return 7 * std::log(gain / where); });
    EXPECT_NEAR(*window.low / where, std::pow(10, -1.0 / 7), 1e-5) << where;
    if (where < 700) {
      EXPECT_NEAR(*window.high / where, std::pow(10, 1.0 / 7), 1e-5) << where;
    }
  }
  // A jump has no root: its place.
  const GainWindow jump = rooted(
      [](double gain) { return gain < 3 ? -std::numeric_limits<double>::infinity() : 100.0; });
  EXPECT_NEAR(*jump.low, 3, 1e-9);
  EXPECT_NEAR(*jump.high, 3, 1e-9);
}

TEST(GainWindow, WithoutAnEndSaysWhy) {
  const GainWindow never = rooted([](double) { return -5.0; });
  EXPECT_FALSE(never.low || never.high);
  EXPECT_THAT(never.reason, HasSubstr("does not stay above a tenth at any gain up to 1024"));
  const GainWindow always = rooted([](double) { return 5.0; });
  EXPECT_FALSE(always.low || always.high);
  EXPECT_THAT(always.reason, HasSubstr("more than tenfold at any gain"));
  const GainWindow calm = rooted([](double gain) { return gain == 0 ? -9.0 : 0.0; });
  EXPECT_NEAR(*calm.low, 0, 1e-11);
  EXPECT_FALSE(calm.high || calm.width());
  EXPECT_THAT(calm.reason, HasSubstr("does not grow tenfold"));
  const GainWindow unknown = rooted([](double) { return std::nan(""); });
  EXPECT_THAT(unknown.reason, HasSubstr("not known"));
  const GainWindow in_part =
      rooted([](double gain) { return gain < 0.5 ? std::nan("") : std::log(gain); });
  EXPECT_FALSE(in_part.low);
  EXPECT_NEAR(*in_part.high, 10, 1e-3);
  EXPECT_THAT(in_part.reason, HasSubstr("not known at the gains where"));
}

/// Up, down and up again: the window that ends at the first explosion, behind the last vanishing.
TEST(GainWindow, OfATotalThatIsNotMonotone) {
  const auto waves = [](double gain) {
    const double x = std::log2(gain + 1e-9);
    return x < 0 ? 0.0 : x < 4 ? -1.5 * x : -6 + 3 * (x - 4);
  };
  const GainWindow window = rooted(waves);
  EXPECT_NEAR(std::log2(*window.low), 4 + (6 - ln10) / 3, 1e-4);
  EXPECT_NEAR(std::log2(*window.high), 4 + (6 + ln10) / 3, 1e-4);
  const GainWindow hill =
      rooted([](double gain) { return -std::abs(3 * std::log2(gain + 1e-9) - 1); });
  EXPECT_NEAR(std::log2(*hill.low), (1 - ln10) / 3, 1e-4);
  EXPECT_NEAR(std::log2(*hill.high), (1 + ln10) / 3, 1e-4);
  EXPECT_THAT(hill.reason, HasSubstr("vanishes again"));
}

GrowthSpec spec_of(Net net, Activation activation, std::int64_t depth) {
  GrowthSpec spec;
  spec.net = net;
  spec.activation = activation;
  spec.depth = depth;
  return spec;
}

WindowStudy measured_window(const GrowthSpec& spec, int threads = 2) {
  const Providers providers = make_providers({.threads = 1});
  return measure_window(spec, *find(providers, "cpu"), threads, nullptr);
}

/// The window of ReLU is √2 (10^(1/L) - 10^(-1/L)) in a wide net.
TEST(GainWindow, OfReluIsThatOfTheory) {
  const std::pair<std::int64_t, double> cases[] = {{10, 0.657}, {100, 0.065}, {1000, 0.0065}};
  for (const auto& [depth, width] : cases) {
    GrowthSpec spec = spec_of("mlp", "relu", depth);
    spec.width = 1024;  // both ends move up by 5/(4N), of all by as much
    EXPECT_NEAR(*theory_window(spec)->width(), width, 0.03 * width);
    spec.width = depth == 1000 ? 64 : 128;
    spec.seeds = depth == 1000 ? 4 : 16;
    EXPECT_NEAR(*measured_window(spec).measured.width(), width, 0.03 * width) << depth;
  }
}

/// tanh without bias, with pre-activations of variance 1 at the first map: 1.36, 0.27, 0.07. An
/// impulse into a net at rest is that; gaussian:1 states make σ_w² of them, and a window a quarter
/// wider at L 10.
TEST(GainWindow, OfTanhIsThatOfMeanField) {
  const struct {
    std::int64_t depth;
    double from_1;   // q_1 = 1
    double digits;   // half of the last one that is known
    double from_h0;  // q_1 = σ_w²; both by a sum over 900 points of z, apart from this code
  } cases[] = {{10, 1.36, 0, 1.68174}, {100, 0.27, 0, 0.27957}, {1000, 0.07, 0.005, 0.07331}};
  for (const auto& c : cases) {
    GrowthSpec spec = spec_of("mlp", "tanh", c.depth);
    EXPECT_NEAR(*theory_window(spec)->width(), c.from_h0, 1e-4 * c.from_h0);
    spec = spec_of("elman", "tanh", c.depth);
    spec.share = false;
    spec.init.h0.scale = 0;
    spec.init.input = Initialisation::Input::impulse;
    EXPECT_NEAR(*theory_window(spec)->width(), c.from_1, std::max(0.03 * c.from_1, c.digits));
  }
}

/// At finite width both ends lie higher, by some 1/N, and the upper one by chance as well: it is
/// where the gradient's direction matters most.
TEST(GainWindow, OfTanhIsMeasuredNearMeanField) {
  const struct {
    std::int64_t depth;
    std::int64_t seeds;
    double width;
  } cases[] = {{10, 64, 1.68174}, {100, 16, 0.27957}};
  for (const auto& c : cases) {
    GrowthSpec spec = spec_of("mlp", "tanh", c.depth);
    spec.width = 128;
    spec.seeds = c.seeds;
    EXPECT_NEAR(*measured_window(spec).measured.width(), c.width, 0.04 * c.width) << c.depth;
  }
}

/// What the row of a net at an end of its window says.
TEST(GainWindow, EndsWhereTheWholeWayIsTenfold) {
  const Providers providers = make_providers({.threads = 1});
  GrowthSpec spec = spec_of("gru", "tanh", 12);
  spec.width = 24;
  const GainWindow window = measured_window(spec).measured;
  const std::pair<double, double> ends[] = {{*window.low, -ln10}, {*window.high, ln10}};
  for (const auto& [gain, total] : ends) {
    spec.init.W.scale = gain;
    EXPECT_NEAR(measure_growth(spec, *find(providers, "cpu")).ln_norm.mean.back(), total, 2e-3);
  }
}

TEST(GainWindow, EveryNetHasOneOrSaysWhyNot) {
  std::vector<std::pair<std::string, GrowthSpec>> nets;
  for (const char* net : {"mlp", "cnn", "residual", "elman", "lstm", "gru", "mgu"}) {
    nets.emplace_back(net, spec_of(Net::find(net).value(), "tanh", 10));
  }
  nets.emplace_back("fresh", spec_of("elman", "tanh", 10));
  nets.back().second.share = false;
  nets.emplace_back("irnn", spec_of("elman", "relu", 10));
  nets.back().second.init.W.kind = WeightInit::Kind::identity;
  nets.back().second.init.h0 = {ValueInit::Kind::constant, 1};
  for (auto& [name, spec] : nets) {
    spec.width = 8;
    spec.seeds = 4;
    const WindowStudy window = measured_window(spec);
    EXPECT_TRUE(window.measured.low) << name << ": " << window.measured.reason;
    EXPECT_TRUE(window.measured.width() || !window.measured.reason.empty()) << name;
    EXPECT_LT(window.measured.evaluations, 50U) << name;
    if (name == "residual") {
      EXPECT_EQ(window.measured.low, 0);
    }
    if (name == "irnn") {
      EXPECT_NEAR(*window.measured.low, std::pow(10, -0.1), 2e-4);
      EXPECT_NEAR(*window.measured.high, std::pow(10, 0.1), 2e-4);
      EXPECT_NEAR(*window.theory->width(), *window.measured.width(), 4e-4);
    }
  }
}

/// tanh of W = gain I shrinks below gain 1, and is saturated above it.
TEST(GainWindow, ThatDoesNotExplodeVanishesOnBothSides) {
  GrowthSpec spec = spec_of("elman", "tanh", 4);
  spec.init.W.kind = WeightInit::Kind::identity;
  spec.width = 8;
  const GainWindow window = measured_window(spec).measured;
  ASSERT_TRUE(window.width()) << window.reason;
  EXPECT_THAT(window.reason, HasSubstr("vanishes again"));
  spec.depth = 400;
  const GainWindow none = measured_window(spec).measured;
  EXPECT_FALSE(none.width());
  EXPECT_THAT(none.reason, HasSubstr("does not stay above a tenth"));
}

/// Far gains leave f16 and f32, and the renormalised pass goes on.
TEST(GainWindow, DoesNotEndWithTheFormat) {
  GrowthSpec spec = spec_of("mlp", "relu", 200);
  spec.width = 16;
  spec.seeds = 2;
  const double wide = *measured_window(spec).measured.width();
  spec.dtype = Dtype::f16;
  const Providers providers = make_providers({.threads = 1});
  const GainWindow half = measure_window(spec, *find(providers, "reference"), 1, nullptr).measured;
  ASSERT_TRUE(half.width()) << half.reason;
  EXPECT_NEAR(*half.width(), wide, 0.05 * wide);
}

TEST(GainWindow, HasTheSameBitsWithAnyNumberOfThreads) {
  GrowthSpec spec = spec_of("lstm", "tanh", 12);
  spec.width = 16;
  const WindowStudy one = measured_window(spec, 1);
  const WindowStudy two = measured_window(spec, 2);
  EXPECT_EQ(one.measured.low, two.measured.low);
  EXPECT_EQ(one.measured.high, two.measured.high);
  EXPECT_EQ(one.measured.evaluations, two.measured.evaluations);
}

}  // namespace
}  // namespace gradepth::growth
