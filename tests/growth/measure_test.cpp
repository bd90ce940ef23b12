#include "host/growth/study/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "host/growth/states/states.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/row.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

/// Closed forms of gradient growth, measured on the reference provider and, where the provider has
/// the net, on every other one.
namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;
using testing::Each;

const Providers& providers() {
  static const Providers all = make_providers({});
  return all;
}
Provider& reference() { return *find(providers(), "reference"); }

GrowthSpec net(const std::string& name, Activation activation, Kind kind, double scale) {
  GrowthSpec spec;
  spec.net = Net::find(name).value();
  spec.activation = activation;
  spec.init.W = {kind, scale, {}};
  spec.dtype = Dtype::f64;
  spec.seeds = 1;
  return spec;
}

GrowthResult measure(const GrowthSpec& spec) { return measure_growth(spec, reference()); }

/// A measurement of one spec on every provider: f64 on the reference, f32 on the others. The
/// tolerance is relative: rounding of 2^-24 per product, some hundred products.
void on_every_provider(GrowthSpec spec, const std::function<void(const GrowthResult&, double)>& f) {
  int ran = 0;
  for (const auto& provider : providers().present) {
    const bool exact = provider->name() == "reference";
    spec.dtype = exact ? Dtype::f64 : Dtype::f32;
    const GrowthResult result = measure_growth(spec, *provider);
    SCOPED_TRACE(result.name + ' ' + result.reason);
    if (result.status == Status::unsupported && !exact) continue;
    ASSERT_EQ(result.status, Status::ok);
    f(result, exact ? 1e-10 : 1e-4);
    ++ran;
  }
  EXPECT_GE(ran, 1);
}

TEST(GrowthClosedForms, OrthogonalLinearChainIsRhoToTheDepth) {
  GrowthSpec spec = net("elman", "identity", Kind::orthogonal, 0.9);
  spec.depth = 100;
  spec.width = 64;
  spec.seeds = 2;
  on_every_provider(spec, [](const GrowthResult& r, double tolerance) {
    for (const std::size_t d : {0U, 1U, 50U, 100U}) {
      EXPECT_NEAR(r.ratio[d] / std::pow(0.9, d), 1, tolerance) << d;
    }
    EXPECT_NEAR(r.rate.value, std::log(0.9), tolerance);
    EXPECT_DOUBLE_EQ(r.theory->rate, std::log(0.9));
    EXPECT_EQ(r.verdict, Verdict::vanishing);
    EXPECT_NEAR(*r.reach, std::log(1000) / -std::log(0.9), 0.1);
  });
}

TEST(GrowthClosedForms, ScalarSigmoidChain) {
  for (const char* name : {"elman", "mlp"}) {
    GrowthSpec spec = net(name, "sigmoid", Kind::constant, 1);
    spec.width = 1;
    spec.depth = 20;
    spec.init.h0 = {ValueInit::Kind::constant, 0.3};
    on_every_provider(spec, [](const GrowthResult& r, double tolerance) {
      // Forward, then the product of slopes from the loss end back.
      std::vector<double> h{0.3};
      for (int l = 0; l < 20; ++l) h.push_back(1 / (1 + std::exp(-h.back())));
      double product = 1;
      for (std::size_t d = 1; d <= 20; ++d) {
        product *= h[21 - d] * (1 - h[21 - d]);
        EXPECT_NEAR(r.ratio[d] / product, 1, tolerance) << d;
        EXPECT_LE(r.ratio[d], std::pow(0.25, d) * (1 + tolerance));  // f' ≤ ¼
      }
      EXPECT_NEAR(r.rate.value, r.theory->rate, tolerance);
    });
  }
}

TEST(GrowthClosedForms, IrnnKeepsTheGradientExactly) {
  GrowthSpec spec = net("elman", "relu", Kind::identity, 1);
  spec.width = 16;
  spec.depth = 60;
  spec.init.h0 = {ValueInit::Kind::constant, 1};
  on_every_provider(spec, [](const GrowthResult& r, double) {
    EXPECT_THAT(r.ratio, Each(1.0));
    EXPECT_EQ(r.rate.value, 0);
    EXPECT_EQ(r.theory->rate, 0);
    EXPECT_EQ(r.verdict, Verdict::stable);
  });
  spec.init.h0.scale = 0;  // every unit rests at the kink, where f' is 0
  on_every_provider(spec, [](const GrowthResult& r, double) {
    EXPECT_EQ(r.ratio[0], 1);
    EXPECT_EQ(r.ratio[1], 0);
    EXPECT_EQ(r.ratio[60], 0);
    EXPECT_EQ(r.verdict, Verdict::zero);
    EXPECT_FALSE(r.theory);
  });
}

TEST(GrowthClosedForms, LstmForgetPath) {
  GrowthSpec spec = net("lstm", "tanh", Kind::constant, 0);
  spec.width = 8;
  spec.depth = 40;
  spec.init.forget_bias = 2;
  const double sigmoid = 1 / (1 + std::exp(-2.0));
  on_every_provider(spec, [&](const GrowthResult& r, double tolerance) {
    for (const std::size_t d : {1U, 20U, 40U}) {
      EXPECT_NEAR(r.ratio[d] / std::pow(sigmoid, d), 1, tolerance) << d;
    }
    EXPECT_NEAR(r.rate.value, std::log(sigmoid), tolerance);
    EXPECT_NEAR(r.theory->rate, std::log(sigmoid), 1e-14);
  });
  spec.net = "gru";  // dh/dh_0 through z
  on_every_provider(spec, [&](const GrowthResult& r, double tolerance) {
    EXPECT_NEAR(r.ratio[40] / std::pow(sigmoid, 40), 1, tolerance);
    EXPECT_NEAR(r.theory->rate, std::log(sigmoid), 1e-14);
  });
  spec.net = "mgu";  // past f: 1 - sigmoid(-2)
  spec.init.forget_bias = 0;
  spec.init.bias = {ValueInit::Kind::constant, -2};
  on_every_provider(spec, [&](const GrowthResult& r, double tolerance) {
    EXPECT_NEAR(r.ratio[40] / std::pow(sigmoid, 40), 1, tolerance);
    EXPECT_NEAR(r.theory->rate, std::log(sigmoid), 1e-14);
  });
}

TEST(GrowthClosedForms, AdditiveForms) {
  for (const double w : {0.3, 0.6, -0.5, 1.0}) {
    GrowthSpec spec = net("additive", "identity", Kind::constant, w);
    spec.width = 3;
    spec.depth = 30;
    on_every_provider(spec, [&](const GrowthResult& r, double tolerance) {
      // df_L/df_{L-d} by the forward recurrence from a unit impulse at f_{L-d}.
      std::vector<double> f{1, w};
      while (f.size() <= 30) f.push_back(w * (f.back() + f[f.size() - 2]));
      for (const std::size_t d : {1U, 2U, 15U, 30U}) {
        EXPECT_NEAR(r.ratio[d], std::abs(f[d]), tolerance * std::abs(f[d])) << w << ' ' << d;
      }
      // Complex roots oscillate about the rate, real ones reach it.
      EXPECT_NEAR(r.rate.value, r.theory->rate, w < 0 ? 0.1 : 2e-3) << w;
    });
    spec.form = AdditiveForm::sum;
    on_every_provider(spec, [&](const GrowthResult& r, double tolerance) {
      for (const std::size_t d : {1U, 2U, 15U, 30U}) {
        const double expected = std::abs(w * std::pow(1 + w, static_cast<double>(d) - 1));
        EXPECT_NEAR(r.ratio[d], expected, tolerance * expected) << w << ' ' << d;
      }
      EXPECT_NEAR(r.rate.value, std::log(std::abs(1 + w)), 1e-4);
      EXPECT_NEAR(r.theory->rate, std::log(std::abs(1 + w)), 1e-14);
    });
  }
}

/// The slope over seeds scatters; its own interval, doubled, says by how much.
double noise(const GrowthResult& r) { return *r.rate.high - *r.rate.low; }

TEST(GrowthTheory, MeanFieldOfWideNets) {
  struct Case {
    const char* name;
    Activation activation;
    double gain;
    double bias;
  };
  for (const Case& c :
       {Case{"mlp", "tanh", 1.5, 0.2236}, Case{"mlp", "gelu", 1.4, 1}, Case{"mlp", "selu", 1, 0},
        Case{"elman", "tanh", 1.5, 0.2}, Case{"mlp", "gelu", 2.5, 0.3}}) {
    GrowthSpec spec = net(c.name, c.activation, Kind::gaussian, c.gain);
    spec.init.bias = {ValueInit::Kind::gaussian, c.bias};
    spec.share = false;
    spec.width = 256;
    spec.depth = 40;
    spec.seeds = 4;
    spec.dtype = Dtype::f32;
    const GrowthResult r = measure(spec);
    ASSERT_TRUE(r.theory) << c.activation.name();
    EXPECT_NEAR(r.rate.value, r.theory->rate, std::max(0.02, noise(r)))
        << c.activation.name() << c.gain;
    EXPECT_LT(noise(r), 0.06);  // the comparison says something
  }
}

TEST(GrowthTheory, FiniteWidthHe) {
  GrowthSpec spec = net("mlp", "relu", Kind::he, 1);
  spec.width = 32;
  spec.depth = 60;
  spec.seeds = 100;
  const GrowthResult r = measure(spec);
  EXPECT_NEAR(r.theory->rate, -0.0412701040481134, 1e-13);
  EXPECT_LT(r.rate.value, -0.02);  // well below the infinite width's 0
  EXPECT_NEAR(r.rate.value, r.theory->rate, noise(r));
}

TEST(GrowthTheory, ResidualNets) {
  for (const Residual residual : {Residual::plain, Residual::preact, Residual::scaled}) {
    for (const Activation activation : std::initializer_list<Activation>{"relu", "tanh"}) {
      GrowthSpec spec = net("residual", activation, Kind::gaussian, 1);
      spec.residual = residual;
      spec.residual_scale = 0.7;
      spec.width = 128;
      spec.depth = 40;
      spec.seeds = 8;
      const GrowthResult r = measure(spec);
      ASSERT_TRUE(r.theory) << name(residual) << activation.name();
      EXPECT_NEAR(r.rate.value, r.theory->rate, std::max(0.01, noise(r)))
          << name(residual) << activation.name();
      EXPECT_LT(noise(r), 0.06);
    }
  }
}

TEST(GrowthTheory, GruWithFreshWeights) {
  for (const double forget_bias : {-1.0, 1.0}) {
    GrowthSpec spec = net("gru", "tanh", Kind::gaussian, 2);
    spec.share = false;
    spec.init.forget_bias = forget_bias;
    spec.init.bias = {ValueInit::Kind::gaussian, 0.3};
    spec.width = 128;
    spec.depth = 24;
    spec.seeds = 8;
    const GrowthResult r = measure(spec);
    ASSERT_TRUE(r.theory);
    EXPECT_NEAR(r.rate.value, r.theory->rate, noise(r)) << forget_bias;
    EXPECT_LT(noise(r), 0.05);
  }
}

/// Of any f, with a bias or sparse W, from a constant too: forward and backward are correlated.
TEST(GrowthTheory, ResidualNetsOfAnyActivation) {
  for (const Activation activation :
       std::initializer_list<Activation>{"sigmoid", "softplus", "gelu", "selu", "leaky_relu"}) {
    for (const bool constant_start : {false, true}) {
      GrowthSpec spec = net("residual", activation, Kind::gaussian, 1.2);
      if (constant_start) spec.init.h0 = {ValueInit::Kind::constant, -0.5};
      spec.init.bias = {ValueInit::Kind::gaussian, 0.2};
      spec.width = 128;
      spec.depth = 24;
      spec.seeds = 12;
      const GrowthResult r = measure(spec);
      ASSERT_TRUE(r.theory) << activation.name();
      EXPECT_NEAR(r.rate.value, r.theory->rate, noise(r)) << activation.name() << constant_start;
      EXPECT_LT(noise(r), 0.1);
    }
  }
}

TEST(GrowthTheory, FixedPointStartHasTheVarianceOfTheFixedPoint) {
  GrowthSpec spec = net("mlp", "tanh", Kind::gaussian, 1.5);
  spec.init.bias = {ValueInit::Kind::gaussian, 0.2236};
  spec.h0_fixed_point = true;
  spec.width = 100;
  const double q = *find_theory(spec, {})->q;
  const double radius = resolve(spec).h0.scale;
  EXPECT_NEAR(2.25 * radius * radius / 100 + 0.2236 * 0.2236, q, 1e-12);
  spec.activation = "relu";
  EXPECT_THROW((void)resolve(spec), std::invalid_argument);  // σ_w² > 2 with a bias
  spec.net = "lstm";
  EXPECT_THROW((void)resolve(spec), std::invalid_argument);
}

TEST(GrowthMeasure, RecordedNormsAgreeWithThePlans) {
  for (const char* name : {"mlp", "elman", "lstm", "gru", "mgu", "residual", "cnn"}) {
    GrowthSpec spec = net(name, "tanh", Kind::gaussian, 1.2);
    spec.width = 6;
    spec.depth = 12;
    spec.batch = 2;
    const Problem problem = make_problem(spec);
    const GrowthResult r = measure(spec);
    PlanPtr plan = std::get<PlanPtr>(reference().plan(problem));
    plan->set(draw(problem, resolve(spec), spec.first_seed));
    plan->run();
    const Tensor norm2 = plan->get("dh_norm2");
    const RunGrowth run = run_growth(norm2.data);
    const std::vector<double> recorded =
        ln_norms(plan->get("dh"), spec.net == "lstm" ? plan->get("dc") : Tensor{});
    EXPECT_EQ(r.norms_from, NormsFrom::kernel);
    for (std::size_t d = 0; d <= 12; ++d) {
      EXPECT_NEAR(r.ln_norm.median[d], run.ln_norm[d], 1e-12) << name << d;
      EXPECT_NEAR(r.ln_norm.median[d], recorded[d] - recorded[0], 1e-12) << name << d;
    }
    EXPECT_NEAR(r.rate.value, run.rate, 1e-12) << name;
  }
}

TEST(GrowthMeasure, VerdictsOfFormatsThatRanOut) {
  GrowthSpec spec = net("mlp", "sigmoid", Kind::gaussian, 1);
  spec.width = 16;
  spec.depth = 100;
  spec.seeds = 2;
  spec.dtype = Dtype::f32;
  GrowthResult r = measure(spec);
  EXPECT_EQ(r.verdict, Verdict::underflowed);
  EXPECT_EQ(r.zero[100], 1);
  EXPECT_NEAR(r.rate.value, -1.45, 0.05);  // the fit goes on behind what the format could hold
  EXPECT_THAT(r.subnormal, testing::Contains(testing::Gt(0.0)));
  spec.dtype = Dtype::f64;
  EXPECT_EQ(measure(spec).verdict, Verdict::vanishing);

  spec = net("elman", "identity", Kind::orthogonal, 10);
  spec.width = 16;
  spec.depth = 60;
  spec.seeds = 2;
  spec.dtype = Dtype::f32;
  r = measure(spec);
  EXPECT_EQ(r.verdict, Verdict::overflowed);
  EXPECT_EQ(r.nonfinite[60], 1);
  EXPECT_NEAR(r.rate.value, std::numbers::ln10, 1e-4);
  spec.dtype = Dtype::f64;
  EXPECT_EQ(measure(spec).verdict, Verdict::exploding);
}

/// Saturation against slopes worked out from the weights.
TEST(GrowthMeasure, SaturatedMatchesTheSlopes) {
  for (const Activation activation :
       std::initializer_list<Activation>{"tanh", "gelu", "softsign", "hard_sigmoid"}) {
    for (const char* name : {"mlp", "residual"}) {
      GrowthSpec spec = net(name, activation, Kind::gaussian, 6);
      spec.width = 40;
      spec.depth = 3;
      const Problem problem = make_problem(spec);
      const Tensors drawn = draw(problem, resolve(spec), spec.first_seed);
      const std::vector<double>& W = drawn.at("W").data;
      std::vector<double> h = drawn.at("h0").data;
      std::vector<double> expected{std::nan("")};
      for (std::size_t l = 0; l < 3; ++l) {
        std::vector<double> next(40);
        double small = 0;
        for (std::size_t i = 0; i < 40; ++i) {
          double a = 0;
          for (std::size_t j = 0; j < 40; ++j) a += W[(l * 40 + i) * 40 + j] * h[j];
          with_activation(activation, [&](auto act) {
            const double y = act.value(a);
            next[i] = y + (spec.net == "residual" ? h[i] : 0.0);
            small += std::abs(act.slope(a)) < 0.01 ? 1.0 / 40 : 0.0;
          });
        }
        h = next;
        expected.insert(expected.begin() + 1, small);  // map L first
      }
      const GrowthResult r = measure(spec);
      for (std::size_t d = 1; d <= 3; ++d) {
        EXPECT_NEAR(r.saturated[d], expected[d], 1e-12) << name << activation.name() << d;
      }
      EXPECT_TRUE(std::isnan(r.saturated[0]));
    }
  }
}

TEST(GrowthMeasure, IsRepeatableBitForBit) {
  GrowthSpec spec = net("mlp", "tanh", Kind::gaussian, 1.5);
  spec.width = 48;
  spec.depth = 30;
  spec.seeds = 3;
  for (const auto& provider : providers().present) {
    spec.dtype = provider->name() == "reference" ? Dtype::f64 : Dtype::f32;
    const GrowthResult first = measure_growth(spec, *provider);
    if (first.status == Status::unsupported) continue;
    const GrowthResult again = measure_growth(spec, *provider);
    EXPECT_EQ(row(spec, first).dump(), row(spec, again).dump()) << provider->name();
  }
}

TEST(GrowthRow, HasTheKeysOfTheContract) {
  GrowthSpec spec = net("elman", "tanh", Kind::gaussian, 1);
  spec.width = 8;
  spec.depth = 6;
  spec.seeds = 2;
  const nlohmann::ordered_json json = row(spec, measure(spec));
  for (const char* key : {"kind",
                          "name",
                          "provider",
                          "dtype",
                          "status",
                          "reason",
                          "seeds",
                          "depth",
                          "ln_norm",
                          "ratio",
                          "ratio_squared_mean",
                          "rate",
                          "theory",
                          "total",
                          "verdict",
                          "reach",
                          "zero",
                          "subnormal",
                          "nonfinite",
                          "saturated",
                          "forward_norm",
                          "weight_gradient"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const char* key : {"median", "p10", "p90", "mean"}) {
    EXPECT_EQ(json["ln_norm"][key].size(), 7U) << key;
  }
  for (const char* key :
       {"rate", "asymptotic", "formula", "source", "q", "chi", "critical_sigma", "xi", "xi_q"}) {
    EXPECT_TRUE(json["theory"].contains(key)) << key;
  }
  EXPECT_TRUE(json["saturated"][0].is_null());
  EXPECT_EQ(json["weight_gradient"]["by_lag"].size(), 6U);
  EXPECT_TRUE(json["weight_gradient"]["by_layer"].is_null());
  EXPECT_EQ(json["status"], "ok");

  GrowthResult refused = measure_growth(spec, reference());
  refused.status = Status::unsupported;
  EXPECT_FALSE(row(spec, refused).contains("rate"));
}

TEST(GrowthRow, ZeroNormsAreNull) {
  GrowthSpec spec = net("elman", "relu", Kind::identity, 1);
  spec.width = 4;
  spec.depth = 5;
  spec.init.h0 = {ValueInit::Kind::constant, 0};
  const nlohmann::ordered_json json = row(spec, measure(spec));
  EXPECT_EQ(json["ln_norm"]["median"][0], 0);
  EXPECT_TRUE(json["ln_norm"]["median"][5].is_null());
  EXPECT_EQ(json["ratio"][5], 0);
  EXPECT_EQ(json["zero"][5], 1);
  EXPECT_EQ(json["verdict"], "zero");
  EXPECT_TRUE(json["rate"]["value"].is_null());
}

TEST(States, NormsDoNotLeaveTheRange) {
  EXPECT_NEAR(ln_norm(std::vector{3e-300, 4e-300}), std::log(5) - 300 * std::numbers::ln10, 1e-12);
  EXPECT_NEAR(ln_norm(std::vector{3e200, 4e200}), std::log(5) + 200 * std::numbers::ln10, 1e-12);
  EXPECT_EQ(ln_norm(std::vector{0.0, 0.0}), -infinity);
  EXPECT_EQ(ln_norm(std::vector{1.0, std::nan("")}), infinity);
  EXPECT_NEAR(ln_norm_of_pair(std::log(3), std::log(4)), std::log(5), 1e-15);
  // A pair by depth, state 1 being depth 0.
  const Tensor x({2, 1}, {5e200, 3.0});
  const Tensor c({2, 1}, {12e200, 4.0});
  EXPECT_THAT(ln_norms(x, c),
              testing::ElementsAre(testing::DoubleEq(std::log(5)),
                                   testing::DoubleEq(std::log(13) + std::log(1e200))));
  // The plan's 26 for 25 shows which one counts; infinity stands for a square that left float64.
  const StepNorms norms = step_norms(x, c, Tensor({2}, {INFINITY, 26}));
  EXPECT_DOUBLE_EQ(norms.ln[0], 0.5 * std::log(26));
  EXPECT_DOUBLE_EQ(norms.ln[1], std::log(13) + std::log(1e200));
  EXPECT_EQ(norms.from, NormsFrom::both);
  EXPECT_EQ(step_norms(x, c, {}).from, NormsFrom::recorded);
  EXPECT_EQ(step_norms(x, c, Tensor({2}, {1, 1})).from, NormsFrom::kernel);
  EXPECT_EQ(step_norms(x, {}, Tensor({2}, {0, 1})).from, NormsFrom::both);
  // A gradient that is 0 has a square that is 0.
  EXPECT_EQ(step_norms(Tensor({2, 1}), {}, Tensor({2})).from, NormsFrom::kernel);
  const Fractions f = fractions(std::vector<double>{0.0, 1e-39, 1.0, INFINITY}, Dtype::f32);
  EXPECT_EQ(f.zero, 0.25);
  EXPECT_EQ(f.subnormal, 0.25);
  EXPECT_EQ(f.nonfinite, 0.25);
}

}  // namespace
}  // namespace gradepth::growth
