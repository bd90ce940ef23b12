#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "host/draw/initialise.h"
#include "host/growth/knobs/knobs.h"
#include "host/growth/studies/sweep.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/row.h"

/// --chrono T: forget biases ln u, u uniform in [1, T - 1] (Tallec & Ollivier 2018).
namespace gradepth::growth {
namespace {

using testing::HasSubstr;
using testing::Not;

GrowthSpec gated(const std::string& net, double chrono) {
  GrowthSpec spec;
  spec.net = Net::find(net).value();
  spec.depth = 6;
  spec.width = 500;
  spec.seeds = 8;
  spec.dtype = Dtype::f64;
  spec.slope = SlopeFrom::input;
  spec.init.chrono = chrono;
  return spec;
}

GrowthResult measured(const GrowthSpec& spec) {
  const Providers providers = make_providers({.threads = 1});
  return measure_growth(spec, *find(providers, "reference"));
}

TEST(Chrono, BiasesAreLogarithmsOfUniformTimes) {
  constexpr double T = 50;
  constexpr std::size_t H = 4000;
  Initialisation init;
  init.W = parse_weight_init("constant:0");
  init.chrono = T;
  for (const RecurrentCell cell : std::initializer_list<RecurrentCell>{"lstm", "gru"}) {
    const RecurrentProblem problem{.cell = cell,
                                   .T = 1,
                                   .B = 1,
                                   .H = static_cast<std::int64_t>(H),
                                   .project_input = false,
                                   .dtype = Dtype::f64};
    const Tensor b = draw(problem, init, 1).at("b");
    ASSERT_EQ(b.size(), 4 * H);
    double mean = 0;
    double mean_square = 0;
    for (std::size_t j = 0; j < H; ++j) {
      const double u = std::exp(b.data[H + j]);  // f of an lstm, z of a gru: the second of both
      EXPECT_GE(u, 1.0);
      EXPECT_LE(u, T - 1 + 1e-9);
      mean += u / H;
      mean_square += u * u / H;
      const bool lstm = cell == "lstm";
      EXPECT_EQ(b.data[j], lstm ? -b.data[H + j] : 0);
      EXPECT_EQ(b.data[2 * H + j], 0);
      EXPECT_EQ(b.data[3 * H + j], 0);
    }
    // Uniform: mean T / 2, variance (T - 2)² / 12; five standard errors.
    const double deviation = (T - 2) / std::sqrt(12.0);
    EXPECT_NEAR(mean, T / 2, 5 * deviation / std::sqrt(H)) << cell.name();
    EXPECT_NEAR(mean_square - mean * mean, deviation * deviation, 0.07 * deviation * deviation);
  }
}

/// With W = 0 each unit keeps f = u / (1 + u) of its gradient per step, and over [1, T - 1]
///   E f² = 1 - (2 ln(T / 2) - 1 / 2 + 1 / T) / (T - 2).
TEST(Chrono, WithoutWeightsTheGradientIsTheGates) {
  for (const double T : {10.0, 1000.0}) {
    const double expected = 1 - (2 * std::log(T / 2) - 0.5 + 1 / T) / (T - 2);
    for (const char* net : {"lstm", "gru"}) {
      GrowthSpec spec = gated(net, T);
      spec.init.W = parse_weight_init("gaussian:0");
      const GrowthResult result = measured(spec);
      ASSERT_EQ(result.status, Status::ok) << result.reason;
      // f² lies in [1/4, 1]: of 4000 units with weights g² (mean fourth power 3), five errors.
      EXPECT_NEAR(result.ratio_squared_mean[1], expected, 5 * 0.25 * std::sqrt(3.0 / 4000))
          << net << ' ' << T;
      EXPECT_FALSE(result.theory) << "the closed form is for one bias";
    }
  }
  // T = 2: u = 1 for all, half of the gradient stays.
  for (const char* net : {"lstm", "gru"}) {
    GrowthSpec spec = gated(net, 2);
    spec.init.W = parse_weight_init("gaussian:0");
    EXPECT_NEAR(measured(spec).rate.value, std::log(0.5), 1e-12) << net;
  }
}

TEST(Chrono, AtTwoTheNetIsThePlainOne) {
  for (const char* net : {"lstm", "gru"}) {
    const GrowthSpec plain = gated(net, 0);
    EXPECT_EQ(measured(gated(net, 2)).ln_norm.median, measured(plain).ln_norm.median) << net;
  }
}

TEST(Chrono, IsSaidInNameSettingAndIdentity) {
  const GrowthSpec turned = gated("lstm", 100);
  EXPECT_THAT(row_name(turned, "cpu"), HasSubstr("/gaussian:1_chrono-100/cpu"));
  EXPECT_EQ(growth_knobs().setting(turned).at("chrono"), 100.0);
  EXPECT_THAT(growth_knobs().identity(turned).text(), HasSubstr(" chrono=100"));
  // Rows from before answer what they answered.
  const GrowthSpec plain = gated("lstm", 0);
  EXPECT_THAT(row_name(plain, "cpu"), Not(HasSubstr("chrono")));
  EXPECT_FALSE(growth_knobs().setting(plain).contains("chrono"));
  EXPECT_THAT(growth_knobs().identity(plain).text(), Not(HasSubstr("chrono")));
}

TEST(Chrono, IsSwept) {
  const auto cells = sweep_cells(gated("gru", 0), parse_sweep("chrono=2:10:4"));
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_EQ(cells[1].spec.init.chrono, 6);
  const auto refusal = [](const std::string& net, const char* axis) {
    try {
      (void)sweep_cells(gated(net, 0), parse_sweep(axis));
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(refusal("elman", "chrono=2:10:4"),
            "--sweep chrono: only for lstm, gru; it changes nothing about elman");
  EXPECT_EQ(refusal("lstm", "chrono=1:10:4"), "--sweep chrono: numbers of steps from 2 on");
}

}  // namespace
}  // namespace gradepth::growth
