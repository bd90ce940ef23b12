#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "host/growth/knobs/knobs.h"
#include "host/growth/knobs/sweep_axes.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"
#include "tests/growth/claims/claim.h"

/// Input up to some step, and none behind it.
namespace gradepth::growth::claims {
namespace {

using Kind = WeightInit::Kind;
using Input = Initialisation::Input;

/// `--input gaussian:S,until:K` on a net of fresh W.
GrowthSpec driven(double S, std::optional<std::int64_t> until) {
  GrowthSpec spec = net("elman", "tanh", Kind::gaussian, 1.5);
  spec.share = false;
  spec.width = 5;
  spec.depth = 30;
  spec.init.input = Input::gaussian;
  spec.init.input_scale = S;
  spec.init.input_until = until;
  return spec;
}

TEST(EndingInput, HasTheSameDrawsUntilItEnds) {
  for (const char* name : {"elman", "lstm", "gru", "mgu"}) {
    GrowthSpec spec = driven(0.5, std::nullopt);
    spec.net = Net::find(name).value();
    spec.batch = 3;
    spec.depth = 9;
    const auto input = [&](std::optional<std::int64_t> until) {
      spec.init.input_until = until;
      return draw(make_problem(spec), resolve(spec), 4).at("x").data;
    };
    const std::vector<double> all = input(std::nullopt);
    const std::size_t step = all.size() / 9;
    for (const std::int64_t until : {0, 1, 4, 8, 9, 100}) {
      const std::vector<double> some = input(until);
      for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(some[i], static_cast<std::int64_t>(i / step) < until ? all[i] : 0) << name << i;
      }
    }
  }
}

TEST(EndingInput, IsSaid) {
  GrowthSpec spec;
  const auto& knob = growth_knobs().at("--input");
  spec.net = "elman";
  knob.parse(spec, "gaussian:0.5,until:7");
  EXPECT_EQ(spec.init.input_until, 7);
  EXPECT_EQ(spec.init.input_scale, 0.5);
  EXPECT_EQ(knob.setting(spec), "gaussian:0.5,until:7");
  EXPECT_EQ(row_name(spec, "cpu"),
            "recurrent/elman/tanh/f32/T50_B1_H128_recurrence/gaussian:1_driven-until:7/cpu");
  // A sweep of S keeps K.
  const auto cells = sweep_cells(spec, parse_sweep("input=1:2:1"));
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_EQ(knob.text(cells[1].spec), "gaussian:2,until:7");
  knob.parse(spec, "gaussian:2");
  EXPECT_FALSE(spec.init.input_until);
  const std::string without = growth_knobs().identity(spec).text();
  EXPECT_EQ(without.find("until"), std::string::npos);  // as rows that exist
  for (const char* bad :
       {"gaussian:1,", "gaussian:1,until", "gaussian:1,until:", "gaussian:1,until:-1",
        "gaussian:1,until:1.5", "gaussian:1,from:3", "gaussian:1,until:3,until:4"}) {
    EXPECT_THROW(knob.parse(spec, bad), Refused) << bad;
  }
}

/// Rate on the fit's window of q carried by hand, E over a Gaussian by trapezoids.
double carried_rate(const GrowthSpec& spec, double sigma_w, double q0, std::int64_t until) {
  const auto mean = [](auto f, double q) {
    double sum = 0;
    for (int i = -4000; i <= 4000; ++i) {
      const double z = i * 0.003;
      sum += f(std::sqrt(q) * z) * std::exp(-0.5 * z * z) * 0.003;
    }
    return sum / std::sqrt(2 * std::numbers::pi);
  };
  const auto L = static_cast<std::size_t>(spec.depth);
  std::vector<double> ln_chi;
  double carried = sigma_w * sigma_w * q0;
  for (std::size_t map = 1; map <= L; ++map) {
    const double S = static_cast<std::int64_t>(map) <= until ? spec.init.input_scale : 0;
    const double q = carried + S * S;
    const auto slope2 = [](double a) { return std::pow(std::cosh(a), -4); };
    const auto value2 = [](double a) { return std::tanh(a) * std::tanh(a); };
    ln_chi.push_back(std::log(sigma_w * sigma_w * mean(slope2, q)));
    carried = sigma_w * sigma_w * mean(value2, q);
  }
  std::vector<double> ln_norm{0};
  for (std::size_t d = 1; d <= L; ++d) ln_norm.push_back(ln_norm.back() + 0.5 * ln_chi[L - d]);
  return window_slope(ln_norm);
}

TEST(EndingInput, IsCarriedByTheTheory) {
  for (const double gain : {0.8, 1.5, 2.5}) {
    for (const std::int64_t until : {0, 1, 12, 29, 30, 99}) {
      GrowthSpec spec = driven(1.3, until);
      spec.init.W.scale = gain;
      spec.init.h0 = {ValueInit::Kind::gaussian, 0.7};
      const GrowthResult r = measure(spec);
      ASSERT_TRUE(r.theory);
      EXPECT_NEAR(r.theory->rate, carried_rate(spec, gain, 0.49, until), 2e-5)
          << gain << ' ' << until;
    }
  }
}

/// What is said of rest is of the maps behind the input; of those with it where it does not end.
TEST(EndingInput, LeavesTheRestOfTheNetWithoutInput) {
  const auto theory = [](std::optional<std::int64_t> until, double S = 1) {
    return *measure(driven(S, until)).theory;
  };
  const Theory none = *measure([] {
                         GrowthSpec spec = driven(1, std::nullopt);
                         spec.init.input = Input::zero;
                         return spec;
                       }())
                           .theory;
  const Theory all = theory(std::nullopt);
  EXPECT_NE(*all.q, *none.q);
  EXPECT_EQ(theory(0).rate, none.rate);
  EXPECT_EQ(theory(0).formula, none.formula);
  for (const std::int64_t until : {30, 31, 1000}) {
    EXPECT_EQ(theory(until).rate, all.rate);
    EXPECT_EQ(theory(until).formula, all.formula);
    EXPECT_EQ(theory(until).q, all.q);
  }
  for (const std::int64_t until : {1, 20}) {
    EXPECT_NEAR(*theory(until).q, *none.q, 1e-12);
    EXPECT_NEAR(*theory(until).xi, *none.xi, 1e-10);
    EXPECT_EQ(theory(until).critical_sigma, none.critical_sigma);
    EXPECT_NE(theory(until).rate, none.rate);
    EXPECT_NE(theory(until).rate, all.rate);
  }
}

/// h0 `fixed-point` is that of the first maps, with input if they have any.
TEST(EndingInput, StartsAtTheFixedPointOfTheFirstMaps) {
  const auto h0 = [](std::optional<std::int64_t> until) {
    GrowthSpec spec = driven(1, until);
    spec.h0_fixed_point = true;
    EXPECT_TRUE(measure(spec).theory);
    return resolve(spec).h0.scale;
  };
  EXPECT_EQ(h0(1), h0(std::nullopt));
  EXPECT_EQ(h0(29), h0(std::nullopt));
  EXPECT_NE(h0(0), h0(1));
  GrowthSpec spec = driven(1, 20);
  spec.h0_fixed_point = true;
  GrowthSpec all = driven(1, std::nullopt);
  all.h0_fixed_point = true;
  // The maps with input are at rest, those behind it are not yet: between the two.
  const Theory part = *measure(spec).theory;
  EXPECT_GT(part.rate, measure(all).theory->rate);
  EXPECT_LT(part.rate, *part.asymptotic);
}

/// Measured: between a net that is driven all the way and one that is not, where theory says.
TEST(EndingInput, IsMeasured) {
  GrowthSpec spec = driven(1, 15);
  spec.width = 300;
  spec.seeds = 12;
  const GrowthResult r = measure(spec);
  const double noise = *r.rate.high - r.rate.value;
  EXPECT_NEAR(r.rate.value, r.theory->rate, 1.5 * noise + 0.002);
  for (const std::int64_t until : {0, 30}) {
    spec.init.input_until = until;
    EXPECT_GT(std::abs(measure(spec).theory->rate - r.rate.value), 5 * noise) << until;
  }
}

}  // namespace
}  // namespace gradepth::growth::claims
