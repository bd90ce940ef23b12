#include "host/growth/states/open_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "host/growth/study/row.h"
#include "host/text/not_finite.h"
#include "tests/growth/claims/claim.h"

/// "ReLU lets the gradient through as long as one path is open."
namespace gradepth::growth::claims {
namespace {

using Kind = WeightInit::Kind;
using testing::Each;
using testing::IsNan;

GrowthSpec he_relu(std::int64_t width, std::int64_t depth) {
  GrowthSpec spec = net("mlp", "relu", Kind::he, 1);
  spec.width = width;
  spec.depth = depth;
  return spec;
}

/// Of all choices of one unit in state L - d and in each map above it, those with an open unit
/// everywhere, counted one by one.
double counted(const Tensor& h, std::size_t N, std::size_t L, std::size_t d) {
  std::size_t paths = 1;
  for (std::size_t i = 0; i <= d; ++i) paths *= N;
  std::size_t open = 0;
  for (std::size_t path = 0; path < paths; ++path) {
    std::size_t digits = path / N;  // the unit of state L - d has no slope to pass
    bool is_open = true;
    for (std::size_t map = L - d + 1; map <= L; ++map, digits /= N) {
      is_open = is_open && h.data[map * N + digits % N] > 0;
    }
    open += is_open ? 1 : 0;
  }
  return static_cast<double>(open) / static_cast<double>(paths);
}

TEST(OpenPaths, AreThoseThatCanBeCounted) {
  const GrowthSpec spec = he_relu(3, 5);
  const Tensor h({6, 1, 3}, {1, 1, 1, 0, 2, 3, 0, 0, 1, 1, 2, 3, 0, 1, 2, 4, 0, 0});
  const OpenPaths paths = open_paths(spec, h, Tensor({6, 1, 3}), Tensor({5, 1, 3}));
  EXPECT_TRUE(std::isnan(paths.open[0]));
  EXPECT_EQ(paths.open[1], 1.0 / 3);
  EXPECT_EQ(paths.open[3], 1);
  for (std::size_t d = 0; d <= 5; ++d) {
    EXPECT_NEAR(std::exp(paths.ln_paths[d]), counted(h, 3, 5, d), 1e-15) << d;
  }
}

/// A path stays within its sample: the mean of products is not the product of means.
TEST(OpenPaths, OfABatchAreAMeanOfProducts) {
  GrowthSpec spec = he_relu(2, 2);
  spec.batch = 2;
  const Tensor h({3, 2, 2}, {1, 1, 1, 1, /**/ 1, 1, 1, 0, /**/ 1, 1, 0, 1});
  const OpenPaths paths = open_paths(spec, h, Tensor({3, 2, 2}), Tensor({2, 2, 2}));
  EXPECT_EQ(paths.open[1], 0.75);
  EXPECT_EQ(paths.open[2], 0.75);
  EXPECT_NEAR(std::exp(paths.ln_paths[1]), 0.75, 1e-15);
  EXPECT_NEAR(std::exp(paths.ln_paths[2]), 0.5 * (1 + 0.25), 1e-15);
}

/// Every sign of W h is a fair coin as long as h is not 0, and is so through the last d maps if the
/// path is open through the one before: P = 2^-d P(h_{L-d} is not 0), and all N coins of a map fall
/// badly with probability 2^-N, so P = 2^-d (1 - 2^-N)^(L-d).
double probability(std::int64_t N, std::int64_t L, std::int64_t d) {
  return std::ldexp(std::pow(1 - std::ldexp(1.0, -static_cast<int>(N)), static_cast<double>(L - d)),
                    -static_cast<int>(d));
}

TEST(OpenPaths, HalveWithEveryMap) {
  struct Case {
    std::int64_t width, depth, seeds;
  };
  for (const auto& [width, depth, seeds] :
       {Case{16, 8, 3000}, Case{2, 5, 6000}, Case{3, 6, 6000}}) {
    GrowthSpec spec = he_relu(width, depth);
    spec.seeds = seeds;
    const GrowthResult r = measure(spec);
    for (std::int64_t d = 1; d <= depth; ++d) {
      const double expected = probability(width, depth, d);
      // E s² of the share of one map is 1/4 + 1/4N: the relative square grows by 1 + 1/N per map.
      const double square = std::pow(1 + 1 / static_cast<double>(width), d) /
                            std::pow(1 - std::ldexp(1.0, -static_cast<int>(width)), depth - d);
      const double deviation = std::sqrt((square - 1) / static_cast<double>(seeds));
      EXPECT_NEAR(std::exp(r.ln_open_paths[static_cast<std::size_t>(d)]) / expected, 1,
                  4.5 * deviation)
          << width << ' ' << d;
    }
  }
}

/// Paths become rare, those that are open carry the more: at He's gain the norm stays.
TEST(OpenPaths, HalveWhileTheGradientStays) {
  constexpr std::size_t L = 40;
  GrowthSpec spec = he_relu(256, L);
  spec.seeds = 8;
  const GrowthResult r = measure(spec);
  EXPECT_NEAR(r.ln_open_paths[L], -static_cast<double>(L) * std::numbers::ln2, 1);
  EXPECT_EQ(r.verdict, Verdict::stable);
  EXPECT_LT(std::abs(r.total.value), 1);  // theory: -5 L / (4 N) = -0.2
  for (std::size_t d = 1; d <= L; ++d) EXPECT_NEAR(r.open[d], 0.5, 0.06) << d;
}

/// With weights that are never 0 the gradient at depth d is exactly 0 where one of the last d maps
/// has no open unit, and nowhere else: all gradient passes through each map.
TEST(OpenPaths, OneIsEnoughForTheGradient) {
  int dead = 0;
  int alive = 0;
  for (const char* name : {"mlp", "elman"}) {
    for (const std::int64_t width : {2, 3, 4}) {
      GrowthSpec spec = he_relu(width, 20);
      spec.net = Net::find(name).value();
      for (spec.first_seed = 1; spec.first_seed <= 60; ++spec.first_seed) {
        const GrowthResult r = measure(spec);
        bool open = true;
        for (std::size_t d = 1; d <= 20; ++d) {
          open = open && r.open[d] > 0;
          EXPECT_EQ(r.ratio[d] != 0, open) << name << width << ' ' << spec.first_seed << ' ' << d;
          EXPECT_EQ(r.ln_open_paths[d] != -infinity, open);
        }
        EXPECT_EQ(r.verdict == Verdict::zero, !open) << name << width << ' ' << spec.first_seed;
        ++(open ? alive : dead);
      }
    }
  }
  EXPECT_GT(dead, 60);
  EXPECT_GT(alive, 20);
}

/// tanh is flat nowhere. In f32 its stored state is 1 from 9 on, and the slope that training takes
/// from it is 0; from the input it is not.
TEST(OpenPaths, AreOfTheSlopeThatTheNetUsed) {
  GrowthSpec spec = net("elman", "tanh", Kind::identity, 1);
  spec.width = 4;
  spec.depth = 5;
  spec.init.bias = {ValueInit::Kind::constant, 12};
  EXPECT_EQ(measure(spec).open[3], 1);
  spec.dtype = Dtype::f32;
  EXPECT_EQ(measure(spec).open[1], 0);
  EXPECT_EQ(measure(spec).ln_open_paths[2], -infinity);
  spec.slope = SlopeFrom::input;
  EXPECT_EQ(measure(spec).open[1], 1);
}

TEST(OpenPaths, AreNotDefinedForOtherNets) {
  for (const char* name : {"lstm", "gru", "residual", "additive"}) {
    GrowthSpec spec = net(name, "tanh", Kind::constant, 0.3);
    spec.width = 3;
    spec.depth = 4;
    const GrowthResult r = measure(spec);
    EXPECT_THAT(r.open, Each(IsNan())) << name;
    EXPECT_THAT(r.ln_open_paths, Each(IsNan())) << name;
    EXPECT_TRUE(row(spec, r)["open"][2].is_null());
  }
  GrowthSpec images = net("cnn", "relu", Kind::he, 1);
  images.width = 8;
  images.depth = 4;
  const GrowthResult r = measure(images);
  EXPECT_NEAR(r.open[2], 0.5, 0.15);
  EXPECT_THAT(r.ln_open_paths, Each(IsNan()));
  const GrowthResult linear = measure([&] {
    GrowthSpec spec = he_relu(3, 4);
    spec.activation = "identity";
    return spec;
  }());
  EXPECT_THAT(linear.ln_open_paths, Each(0.0));
}

}  // namespace
}  // namespace gradepth::growth::claims
