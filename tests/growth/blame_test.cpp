#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "host/growth/states/states.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/resolve.h"
#include "host/text/not_finite.h"

/// Who is to blame, the slopes or the weights? The two parts of a rate.
namespace gradepth::growth {
namespace {

const Providers& all_providers() {
  static const Providers made = make_providers({.threads = 1});
  return made;
}

struct Blamed {
  Net net;
  Residual residual = Residual::plain;
  std::optional<bool> share = {};
};

std::vector<Blamed> blamed() {
  std::vector<Blamed> all;
  for (const std::string& name : Net::names()) {
    const Net net = Net::find(name).value();
    all.push_back({net});
    if (name == "additive") continue;
    all.push_back({net, Residual::plain, net.cell() == nullptr});
  }
  for (const Residual residual : {Residual::preact, Residual::scaled}) {
    all.push_back({"residual", residual});
    all.push_back({"residual", residual, true});
  }
  return all;
}

GrowthSpec blamed_spec(const Blamed& c, Activation activation, double gain) {
  GrowthSpec spec;
  spec.net = c.net;
  spec.activation = activation;
  spec.residual = c.residual;
  spec.residual_scale = 0.7;
  spec.share = c.share;
  spec.width = 5;
  spec.depth = 30;
  spec.batch = 2;
  spec.seeds = 3;
  spec.init.W = {WeightInit::Kind::gaussian, gain, {}};
  if (is_additive(spec)) spec.init.W = {WeightInit::Kind::constant, 0.5 * gain, {}};
  return spec;
}

/// `in_range`: whether all that was measured counts, so that it can be compared depth by depth.
void expect_parts_add_up(const GrowthSpec& spec, const GrowthResult& r, bool in_range = true) {
  ASSERT_EQ(r.status, Status::ok) << r.reason;
  ASSERT_TRUE(std::isfinite(r.rate.value)) << r.name;
  const double largest =
      std::max({1.0, std::abs(r.rate_slope.value), std::abs(r.rate_weight.value)});
  EXPECT_NEAR(r.rate_slope.value + r.rate_weight.value, r.rate.value, 1e-12 * largest) << r.name;
  double sum = 0;
  for (std::size_t d = 1; d <= static_cast<std::size_t>(spec.depth); ++d) {
    sum += r.slope_part[d] + r.weight_part[d];
    if (in_range && std::isfinite(r.ln_norm.mean[d])) {
      EXPECT_NEAR(sum, r.ln_norm.mean[d], 1e-11 * std::max(1.0, std::abs(sum))) << r.name << d;
    }
  }
  double growth = 0;
  for (const double g : r.growths) growth += g / static_cast<double>(r.growths.size());
  EXPECT_NEAR(sum, growth, 1e-11 * std::max(1.0, std::abs(growth))) << r.name;
}

TEST(Blame, ThePartsOfEveryNetAddUp) {
  for (const char* provider : {"reference", "cpu", "simt"}) {
    for (const Blamed& c : blamed()) {
      for (const Activation activation : std::initializer_list<Activation>{"tanh", "silu"}) {
        GrowthSpec spec = blamed_spec(c, activation, 0.9);
        const CellInfo* const cell = c.net.cell();
        if (cell != nullptr && !cell->takes_activation && activation != "tanh") continue;
        if (is_additive(spec)) spec.activation = "tanh";
        expect_parts_add_up(spec, measure_growth(spec, *find(all_providers(), provider)));
      }
    }
  }
}

/// Where a format runs out the renormalised pass goes on, in both parts; a clip belongs to the
/// slopes' part.
TEST(Blame, ThePartsAddUpBehindAFormatsEndAndWithAClip) {
  int ran_out = 0;
  for (const Blamed& c : blamed()) {
    for (const double gain : {0.02, 40.0}) {
      const Activation activation =
          c.net.cell() == nullptr ? Activation("relu") : Activation("tanh");
      GrowthSpec spec = blamed_spec(c, activation, gain);
      spec.dtype = Dtype::f16;
      spec.init.h0 = {ValueInit::Kind::gaussian, 0.5};
      if (is_additive(spec)) spec.init.W.scale = gain;
      const GrowthResult r = measure_growth(spec, *find(all_providers(), "reference"));
      // Where all slopes have become 0 a path past them goes on, and the parts are not known.
      if (!std::isfinite(r.rate_slope.value)) continue;
      expect_parts_add_up(spec, r, false);
      ran_out += r.verdict == Verdict::overflowed || r.verdict == Verdict::underflowed ? 1 : 0;
    }
    GrowthSpec clipped = blamed_spec(c, "tanh", 0.9);
    clipped.clip_value = 0.05;
    expect_parts_add_up(clipped, measure_growth(clipped, *find(all_providers(), "cpu")));
  }
  EXPECT_GT(ran_out, 10);
}

/// The same from the training kernels' own sums as from what was recorded.
TEST(Blame, KernelsMeasureWhatTheyRecord) {
  for (const Blamed& c : blamed()) {
    if (c.net == "additive") continue;
    const GrowthSpec spec = blamed_spec(c, "tanh", 1.2);
    const Problem problem = make_problem(spec);
    PlanPtr plan = std::get<PlanPtr>(find(all_providers(), "simt")->plan(problem));
    plan->set(draw(problem, resolve(spec), 1));
    plan->run();
    plan->wait();
    const Tensor da = plan->get("da");
    const Tensor norm2 = plan->get("da_norm2");
    ASSERT_EQ(norm2.size(), static_cast<std::size_t>(spec.depth)) << c.net.name();
    for (std::size_t map = 0; map < norm2.size(); ++map) {
      EXPECT_NEAR(0.5 * std::log(norm2.data[map]), ln_norm(slice(da, map)), 1e-12)
          << c.net.name() << map;
    }
  }
}

/// Sigmoid's slopes, not its weights; ReLU's slopes take what He's weights give; a tanh of a large
/// gain saturates and is carried by its weights.
TEST(Blame, WhoItIs) {
  struct Case {
    Activation activation;
    double gain;
    double slope;
    double weight;
  };
  for (const Case& c :
       {Case{"sigmoid", 1, -1.446, -0.004}, Case{"relu", std::sqrt(2.0), -0.343, 0.346},
        Case{"tanh", 2.5, -0.683, 0.913}}) {
    GrowthSpec spec;
    spec.activation = c.activation;
    spec.init.W = {WeightInit::Kind::gaussian, c.gain, {}};
    spec.width = 256;
    spec.depth = 50;
    const GrowthResult r = measure_growth(spec, *find(all_providers(), "cpu"));
    EXPECT_NEAR(r.rate_slope.value, c.slope, 0.01) << c.activation.name();
    EXPECT_NEAR(r.rate_weight.value, c.weight, 0.01) << c.activation.name();
    ASSERT_TRUE(r.rate_slope.low && r.rate_weight.high);
  }
}

/// Of the identity the slopes do nothing, of an additive net there are none; of an orthogonal W the
/// weights do nothing.
TEST(Blame, OneOfTheTwoMayBeInnocent) {
  GrowthSpec spec = blamed_spec(Blamed{"mlp"}, "identity", 1.4);
  Provider& cpu = *find(all_providers(), "cpu");
  EXPECT_NEAR(measure_growth(spec, cpu).rate_slope.value, 0, 1e-14);
  spec = blamed_spec(Blamed{"additive"}, "tanh", 1);
  EXPECT_NEAR(measure_growth(spec, cpu).rate_slope.value, 0, 1e-14);
  spec = blamed_spec(Blamed{"mlp"}, "tanh", 1);
  spec.init.W.kind = WeightInit::Kind::orthogonal;
  spec.dtype = Dtype::f64;
  const GrowthResult r = measure_growth(spec, *find(all_providers(), "reference"));
  EXPECT_NEAR(r.rate_weight.value, 0, 1e-14);
  EXPECT_NEAR(r.rate_slope.value, r.rate.value, 1e-14);
  EXPECT_TRUE(std::isnan(r.slope_part[0]));
}

}  // namespace
}  // namespace gradepth::growth
