#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "host/growth/study/resolve.h"
#include "host/text/not_finite.h"
#include "tests/bench/temporary_file.h"
#include "tests/growth/claims/claim.h"

/// Claims about single nets.
namespace gradepth::growth::claims {
namespace {

using Kind = WeightInit::Kind;
using Input = Initialisation::Input;
using testing::Each;
using testing::HasSubstr;

constexpr ValueInit constant(double value) { return {ValueInit::Kind::constant, value}; }

/// [[1, -1], [-1, 1]] has the eigenvalues 2, along (1, -1), and 0.
RecurrentProblem two_units(Activation act, std::int64_t T, Dtype dtype) {
  return {.cell = "elman",
          .act = act,
          .T = T,
          .B = 1,
          .H = 2,
          .project_input = false,
          .record = true,
          .dtype = dtype};
}

Tensors from_1_0(std::int64_t T, double g0, double g1) {
  Tensors in;
  in["h0"] = Tensor({1, 2}, {1, 0});
  in["Wh"] = Tensor({2, 2}, {1, -1, -1, 1});
  in["b"] = Tensor({2});
  in["x"] = Tensor({T, 1, 2});
  Tensor dy({T, 1, 2});
  dy.data[dy.size() - 2] = g0;
  dy.data[dy.size() - 1] = g1;
  in["dy"] = dy;
  return in;
}

/// ReLU of W (1, 0) = (1, -1) is (1, 0): the second unit is shut, and D W = [[1, -1], [0, 0]] sends
/// g back to (g_1, -g_1), at every step the same. So |dL/dh_0| = √2 |g_1| for every T, at most √2,
/// though an eigenvalue of W is 2.
TEST(EigenvalueAbove1, NeedNotExplodeUnderRelu) {
  int ran = 0;
  for (const auto& provider : providers().present) {
    const Dtype dtype = provider->name() == "reference" ? Dtype::f64 : Dtype::f32;
    for (const std::int64_t T : {1, 2, 7, 200}) {
      for (const double angle : {0.0, 0.4, 1.0, 2.5, 4.0, 0.5 * std::numbers::pi}) {
        const Tensors in = from_1_0(T, std::cos(angle), std::sin(angle));
        const PlanPtr plan = run(*provider, two_units("relu", T, dtype), in);
        if (plan == nullptr) continue;
        const Tensor h = plan->get("h");
        for (std::size_t i = 0; i < h.size(); ++i) EXPECT_EQ(h.data[i], i % 2 == 0 ? 1 : 0);
        const Tensor dh0 = plan->get("dh0");
        const double norm = std::hypot(dh0.data[0], dh0.data[1]);
        EXPECT_NEAR(norm, std::numbers::sqrt2 * std::abs(std::cos(angle)), 1e-6) << T;
        EXPECT_LE(norm, std::numbers::sqrt2 * (1 + 1e-6));
        ++ran;
      }
    }
  }
  EXPECT_GE(ran, 3 * 24);  // reference, cpu, simt
}

/// Without the ReLU the part along (1, -1) doubles at every step.
TEST(EigenvalueAbove1, ExplodesInTheLinearNet) {
  for (const std::int64_t T : {1, 7, 200}) {
    const PlanPtr plan =
        run(reference(), two_units("identity", T, Dtype::f64), from_1_0(T, 0.6, -0.3));
    const Tensor dh0 = plan->get("dh0");
    const double expected = std::pow(2.0, static_cast<double>(T)) * 0.9 / std::numbers::sqrt2;
    EXPECT_NEAR(std::hypot(dh0.data[0], dh0.data[1]) / expected, 1, 1e-14) << T;
  }
}

/// From any h0 of two different numbers the first step leads to a state with one unit shut. Neither
/// theory nor bound may say that the ReLU net explodes.
TEST(EigenvalueAbove1, IsNoTheoryOfTheReluNet) {
  const TemporaryFile file("1,-1\n-1,1\n");
  GrowthSpec spec = net("elman", "relu", Kind::constant, 1);
  spec.init.W = parse_weight_init("file:" + file.path());
  spec.width = 2;
  spec.depth = 100;
  spec.seeds = 40;
  const GrowthResult relu = measure(spec);
  EXPECT_EQ(relu.verdict, Verdict::stable);
  EXPECT_EQ(relu.rate.value, 0);
  for (std::size_t d = 0; d <= 100; ++d) EXPECT_LE(relu.ratio[d], std::numbers::sqrt2 + 1e-14);
  EXPECT_NEAR(relu.jacobians.spectral_radius.value(), 2, 1e-14);
  EXPECT_FALSE(relu.theory);
  ASSERT_TRUE(relu.bound);
  EXPECT_NEAR(relu.bound->sigma_max * relu.bound->gamma, 2, 1e-12);
  EXPECT_THAT(relu.bound->says, HasSubstr("possible, not certain"));
  spec.activation = "identity";
  const GrowthResult linear = measure(spec);
  EXPECT_EQ(linear.verdict, Verdict::exploding);
  EXPECT_NEAR(linear.rate.value, std::numbers::ln2, 1e-12);
  EXPECT_NEAR(linear.theory->rate, std::numbers::ln2, 1e-12);
}

/// f' = y (1 - y) is at most 1/4, at y = 1/2.
TEST(SigmoidChain, LosesAtLeastAFactor4PerMap) {
  const double most = -10 * std::log(4);
  for (const char* name : {"elman", "mlp"}) {
    for (const double w : {1.0, -1.0}) {
      GrowthSpec spec = net(name, "sigmoid", Kind::constant, w);
      spec.width = 1;
      spec.depth = 10;
      spec.init.bias = {ValueInit::Kind::gaussian, 1};
      for (spec.first_seed = 1; spec.first_seed <= 50; ++spec.first_seed) {
        const GrowthResult r = measure(spec);
        EXPECT_LT(r.ln_norm.median[10], most) << name << ' ' << w << ' ' << spec.first_seed;
      }
    }
  }
}

/// w h + b = 1 · 1/2 - 1/2 = 0 at every map, where y = 1/2 again: all are powers of two.
TEST(SigmoidChain, AtPreactivation0LosesExactly4PerMap) {
  for (const double w : {1.0, -1.0}) {
    GrowthSpec spec = net("elman", "sigmoid", Kind::constant, w);
    spec.width = 1;
    spec.depth = 10;
    spec.init.h0 = constant(0.5);
    spec.init.bias = constant(-0.5 * w);
    const GrowthResult r = measure(spec);
    EXPECT_EQ(r.ratio[10], std::pow(0.25, 10));
    EXPECT_NEAR(r.theory->rate, -std::log(4), 1e-14);
  }
}

/// h' = ReLU(h + c), c > 0: h_t = h_0 + c t, and every slope is 1.
TEST(Irnn, KeepsTheGradientWhileItsStateGrowsWithoutBound) {
  constexpr double c = 0.5;
  constexpr std::size_t L = 400;
  GrowthSpec spec = net("elman", "relu", Kind::identity, 1);
  spec.width = 9;
  spec.depth = L;
  spec.init.h0 = constant(0);
  spec.init.bias = constant(c);
  const GrowthResult r = measure(spec);
  EXPECT_THAT(r.ratio, Each(1.0));
  EXPECT_EQ(r.verdict, Verdict::stable);
  EXPECT_EQ(r.ln_open_paths[L], 0);
  for (std::size_t d = 0; d < L; ++d) {
    EXPECT_NEAR(r.forward_norm[d], std::log(3 * c * static_cast<double>(L - d)), 1e-13) << d;
  }
}

/// With white input of deviation S beside c: E h_t² = (c t)² + S² t, units a random walk each. At
/// c t = 10 S √t none comes near to 0 before its drift has carried it away.
TEST(Irnn, KeepsTheGradientUnderInput) {
  constexpr double c = 1;
  constexpr double S = 0.1;
  constexpr std::size_t L = 100;
  GrowthSpec spec = net("elman", "relu", Kind::identity, 1);
  spec.width = 400;
  spec.depth = L;
  spec.init.h0 = constant(0);
  spec.init.bias = constant(c);
  spec.init.input = Input::gaussian;
  spec.init.input_scale = S;
  const GrowthResult r = measure(spec);
  EXPECT_THAT(r.ratio, Each(1.0));
  for (std::size_t d = 0; d < L; ++d) {
    const auto t = static_cast<double>(L - d);
    const double expected = 0.5 * std::log(400 * (c * c * t * t + S * S * t));
    // Σ h² over units has a relative deviation of 2 S / (c √(t N)), its square root half of that.
    EXPECT_NEAR(r.forward_norm[d], expected, 5 * S / (c * std::sqrt(400 * t))) << d;
  }
}

/// White input alone: a unit's gradient is that of the loss if it was open at every later step,
/// else 0. So the norm never grows, and falls only as units shut.
TEST(Irnn, GradientIsThatOfTheUnitsThatStayedOpen) {
  constexpr std::int64_t T = 50;
  GrowthSpec spec = net("elman", "relu", Kind::identity, 1);
  spec.width = 100;
  spec.depth = T;
  spec.init.h0 = constant(2);
  spec.init.input = Input::gaussian;
  const Tensors in = draw(make_problem(spec), resolve(spec), 1);
  const PlanPtr plan = run(reference(), make_problem(spec), in);
  const Tensor h = plan->get("h");
  const Tensor dh = plan->get("dh");
  int shut = 0;
  for (std::size_t unit = 0; unit < 100; ++unit) {
    const double loss = dh.data[T * 100 + unit];
    bool open = true;
    for (std::size_t t = T; t-- > 0;) {
      open = open && h.data[(t + 1) * 100 + unit] > 0;
      EXPECT_EQ(dh.data[t * 100 + unit], open ? loss : 0) << t << ' ' << unit;
    }
    shut += open ? 0 : 1;
  }
  EXPECT_GT(shut, 20);
  EXPECT_LT(shut, 100);
}

GrowthSpec memory(double w, std::int64_t T) {
  GrowthSpec spec = net("elman", "identity", Kind::constant, w);
  spec.width = 1;
  spec.depth = T;
  spec.init.h0 = constant(0);
  spec.init.input = Input::gaussian;
  spec.init.loss = Initialisation::LossGradient::ones;
  return spec;
}

/// h_T is linear in the inputs, so E (dh_T/dw)² of white input is the sum of the squares that the
/// inputs give one by one, each an impulse of S.
TEST(CurseOfMemory, ExpectationIsTheSumOverImpulses) {
  for (const double w : {0.5, -0.9, 1.05}) {
    for (const std::optional<std::int64_t> until :
         {std::optional<std::int64_t>(), std::optional<std::int64_t>(5)}) {
      constexpr std::int64_t T = 12;
      GrowthSpec spec = memory(w, T);
      spec.init.input_scale = 0.7;
      spec.init.input_until = until;
      spec.init.loss_scale = 3;
      Tensors in = draw(make_problem(spec), resolve(spec), 1);
      double sum = 0;
      for (std::int64_t t = 0; t < until.value_or(T); ++t) {
        std::vector<double>& x = in["x"].data;
        std::fill(x.begin(), x.end(), 0.0);
        x[static_cast<std::size_t>(t)] = 0.7;
        const PlanPtr plan = run(reference(), make_problem(spec), in);
        const double dw = plan->get("dWh").data[0];
        sum += dw * dw;
      }
      EXPECT_NEAR(weight_theory(spec)->sum_squared_mean / sum, 1, 1e-13) << w;
      EXPECT_FALSE(weight_theory(spec)->sum);
    }
  }
}

/// Σ k² q^(k-1) = (1 + q) / (1 - q)³, q = w².
TEST(CurseOfMemory, HasTheLimitOfItsPaper) {
  for (const double w : {0.0, 0.5, 0.9, -0.97}) {
    const double q = w * w;
    const double limit = (1 + q) / std::pow(1 - q, 3);
    EXPECT_NEAR(weight_theory(memory(w, 3000))->sum_squared_mean / limit, 1, 1e-12) << w;
  }
}

/// Nothing explodes, dL/dh vanishes, and yet the square of dL/dw grows as (1 - w²)^-3. It is
/// Gaussian: a mean of n squares has a relative deviation of √(2/n).
TEST(CurseOfMemory, IsMeasured) {
  for (const double w : {0.5, 0.9, 0.97}) {
    GrowthSpec spec = memory(w, 150);
    spec.seeds = 3000;
    const GrowthResult r = measure(spec);
    EXPECT_NE(r.verdict, Verdict::exploding);
    EXPECT_NEAR(r.ratio[150], std::pow(w, 150), 1e-12);
    const double deviation = std::sqrt(2.0 / 3000);
    EXPECT_NEAR(r.weight_gradient.sum_squared_mean / r.weight_theory->sum_squared_mean, 1,
                4 * deviation)
        << w;
    // The median of |z| is 0.6745: what `sum` shows is not the root of the mean.
    EXPECT_NEAR(r.weight_gradient.sum / std::sqrt(r.weight_theory->sum_squared_mean), 0.6745, 0.06);
  }
}

}  // namespace
}  // namespace gradepth::growth::claims
