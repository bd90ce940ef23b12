#include "host/growth/theory/theory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "host/growth/study/resolve.h"
#include "host/growth/theory/bound.h"
#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "host/growth/theory/residual.h"
#include "kernels/activation/activation.h"
#include "tests/growth/mean_field_numbers.h"

namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;

/// A spec with random weights of σ_w = `gain`.
GrowthSpec net(const std::string& name, Activation activation, double gain) {
  GrowthSpec spec;
  spec.net = Net::find(name).value();
  spec.activation = activation;
  spec.init.W = {Kind::gaussian, gain, {}};
  return spec;
}

double rate(const GrowthSpec& spec) {
  const std::optional<Theory> theory = find_theory(spec, {});
  return theory ? theory->rate : std::nan("");
}

TEST(MeanFieldTheory, FixedPointsAgreeWithMpmath) {
  for (const test::KnownFixedPoint& known : test::known_fixed_points) {
    const MeanField field{known.activation, known.sigma_w2, known.noise};
    const std::optional<double> q = field.limit_q(0.0);
    ASSERT_TRUE(q) << known.activation.name();
    EXPECT_NEAR(*q / known.q, 1, 1e-10) << known.activation.name();
    EXPECT_NEAR(field.chi(*q) / known.chi, 1, 1e-10) << known.activation.name();
  }
}

TEST(MeanFieldTheory, CriticalSigmaAgreesWithMpmath) {
  for (const test::KnownCritical& known : test::known_criticals) {
    EXPECT_NEAR(critical_sigma(known.activation, known.noise).value_or(0), known.sigma_w, 1e-9);
  }
  EXPECT_DOUBLE_EQ(*critical_sigma("tanh", 0), 1);
  EXPECT_NEAR(*critical_sigma("relu", 0.3), std::sqrt(2.0), 1e-12);
  EXPECT_FALSE(critical_sigma("softplus", 0.05));
}

/// Every critical sigma that is offered gives χ = 1 at the fixed point of that very net.
TEST(MeanFieldTheory, ChiIsOneOnTheCriticalLine) {
  int checked = 0;
  for_each_activation([&](auto act) {
    const Activation activation = act.name;
    for (const double noise : {0.05, 1.0}) {
      const std::optional<double> sigma = critical_sigma(activation, noise);
      if (!sigma || act.homogeneous) continue;
      const MeanField field{activation, *sigma * *sigma, noise};
      double closest = 1e9;
      for (const double q : field.stable_q()) {
        closest = std::min(closest, std::abs(field.chi(q) - 1));
      }
      EXPECT_LT(closest, 1e-9) << act.name << ' ' << noise;
      ++checked;
    }
  });
  EXPECT_GE(checked, 16);
}

/// Far ends with asymptotic forms: q = σ_b² / (1 - σ_w²) for small σ_b, where corrections are of
/// the order of q; E f'² = ∫sech⁴ / √(2π q) = (4/3) / √(2π q) for large ones, up to O(1/q).
TEST(MeanFieldTheory, TinyAndHugeBias) {
  const MeanField tiny{"tanh", 0.25, 1e-16};
  ASSERT_EQ(tiny.stable_q().size(), 1U);
  EXPECT_NEAR(tiny.stable_q()[0] / (1e-16 / 0.75), 1, 1e-10);
  for (const double noise : {1e9, 1e13}) {
    const MeanField huge{"tanh", 4, noise};
    ASSERT_EQ(huge.stable_q().size(), 1U);
    const double q = huge.stable_q()[0];
    EXPECT_NEAR(q / noise, 1, 1e-8);
    EXPECT_NEAR(huge.chi(q) / (4 * 4 / (3 * std::sqrt(2 * std::numbers::pi * q))), 1, 1e-8);
  }
  // Just above the transition q = (σ_w² - 1) / 2, here below the finest step.
  const std::vector<double> q = MeanField{"tanh", 1 + 1e-9, 0}.stable_q();
  ASSERT_EQ(q.size(), 1U);
  EXPECT_NEAR(q[0], 0.5e-9, 1e-8);
}

/// Where χ = 1 at q = 0 but q moves away from 0, nothing is critical.
TEST(MeanFieldTheory, NoCriticalSigmaWhereItIsUnstable) {
  for (const Activation activation : std::initializer_list<Activation>{"gelu", "silu", "mish"}) {
    EXPECT_FALSE(critical_sigma(activation, 0)) << activation.name();
    EXPECT_FALSE(critical_sigma(activation, 1e-8)) << activation.name();
  }
  for (const Activation activation :
       std::initializer_list<Activation>{"tanh", "softsign", "hard_tanh", "elu"}) {
    EXPECT_NEAR(critical_sigma(activation, 0).value_or(0), 1, 1e-9) << activation.name();
  }
}

TEST(MeanFieldTheory, StabilityDecides) {
  const auto stable = [](Activation act, double sigma2, double noise) {
    return MeanField{act, sigma2, noise}.stable_q();
  };
  EXPECT_THAT(stable("tanh", 0.81, 0), testing::ElementsAre(0.0));
  EXPECT_THAT(stable("tanh", 1, 0), testing::ElementsAre(0.0));
  ASSERT_EQ(stable("tanh", 2.25, 0).size(), 1U);
  EXPECT_GT(stable("tanh", 2.25, 0)[0], 0.1);
  EXPECT_THAT(stable("relu", 1, 0.1), testing::ElementsAre(testing::DoubleNear(0.2, 1e-12)));
  EXPECT_TRUE(stable("relu", 2, 0).empty());
  EXPECT_TRUE(stable("relu", 2, 0.1).empty());
  EXPECT_TRUE(stable("gelu", 5, 0.05).empty());
  // GELU at σ_w² = 3: 0 attracts small starts, large ones run away.
  const MeanField gelu{"gelu", 3, 0};
  EXPECT_EQ(gelu.limit_q(std::log(0.01)), 0.0);
  EXPECT_FALSE(gelu.limit_q(std::log(100)));
  EXPECT_GT(carry(gelu, std::log(100), 50).ln_q, std::log(1e4));
}

TEST(ClosedForms, AdditiveRatesMatchTheRecurrence) {
  for (const double w : {0.3, 0.5, 0.7, 1.0, 2.0, -0.5, -1.0, -3.0, -5.0}) {
    // The envelope of ln |f_n| over many steps, renormalised.
    double f = 1;
    double before = 0.3;
    double ln = 0;
    constexpr int steps = 20000;
    for (int n = 0; n < steps; ++n) {
      const double next = w * (f + before);
      before = f;
      f = next;
      const double size = std::hypot(f, before);
      ln += std::log(size);
      f /= size;
      before /= size;
    }
    EXPECT_NEAR(two_term_rate(w), ln / steps, 1e-3) << w;
  }
  EXPECT_NEAR(two_term_rate(0.5), 0, 1e-15);
  EXPECT_NEAR(two_term_rate(1.0), std::log(1.618033988749895), 1e-15);  // Fibonacci
  EXPECT_DOUBLE_EQ(additive_sum_rate(0.5), std::log(1.5));
  EXPECT_DOUBLE_EQ(additive_sum_rate(-1.5), std::log(0.5));
}

TEST(ClosedForms, ApplyOnlyWhereTheyAreExact) {
  GrowthSpec linear = net("elman", "identity", 1);
  linear.init.W = {Kind::orthogonal, -0.9, {}};
  EXPECT_DOUBLE_EQ(rate(linear), std::log(0.9));
  linear.init.density = 0.5;  // no longer orthogonal
  EXPECT_TRUE(std::isnan(rate(linear)));

  GrowthSpec irnn = net("elman", "relu", 1);
  irnn.init.W = {Kind::identity, 0.8, {}};
  irnn.init.h0 = {ValueInit::Kind::constant, 1};
  EXPECT_DOUBLE_EQ(rate(irnn), std::log(0.8));
  irnn.init.h0.scale = 0;
  EXPECT_TRUE(std::isnan(rate(irnn)));
  irnn.init.h0.scale = 1;
  irnn.init.input = Initialisation::Input::gaussian;
  EXPECT_TRUE(std::isnan(rate(irnn)));

  GrowthSpec lstm = net("lstm", "tanh", 1);
  EXPECT_TRUE(std::isnan(rate(lstm)));
  lstm.init.W = {Kind::constant, 0, {}};
  lstm.init.forget_bias = 2;
  EXPECT_NEAR(rate(lstm), -std::log1p(std::exp(-2.0)), 1e-15);
  lstm.init.bias = {ValueInit::Kind::gaussian, 1};
  EXPECT_TRUE(std::isnan(rate(lstm)));

  GrowthSpec clipped = net("mlp", "tanh", 1.5);
  EXPECT_FALSE(std::isnan(rate(clipped)));
  clipped.clip_value = 1;
  EXPECT_TRUE(std::isnan(rate(clipped)));
  GrowthSpec shifted = net("mlp", "tanh", 1.5);
  shifted.init.bias = {ValueInit::Kind::constant, 0.5};
  EXPECT_TRUE(std::isnan(rate(shifted)));
}

/// Over the maps that are measured, q carried from h0 of variance 1: numbers of an own script in
/// NumPy.
TEST(MeanFieldTheory, FollowsTheWindowOfTheMeasurement) {
  const auto carried = [](Activation activation, double gain, std::int64_t depth) {
    GrowthSpec spec = net("mlp", activation, gain);
    spec.depth = depth;
    return rate(spec);
  };
  EXPECT_NEAR(carried("tanh", 0.9, 8), -0.2023, 1e-4);
  EXPECT_NEAR(carried("tanh", 1, 100), -0.01197, 1e-5);
  EXPECT_NEAR(carried("softsign", 1.3, 30), -0.00155, 1e-5);
  EXPECT_NEAR(carried("selu", 1.3, 30), 0.0919, 1e-4);
}

/// In the end: ½ ln χ at the fixed point.
TEST(MeanFieldTheory, AsymptoticRates) {
  GrowthSpec tanh = net("mlp", "tanh", 0.9);
  tanh.depth = 8;
  EXPECT_NEAR(find_theory(tanh, {})->asymptotic.value_or(0), std::log(0.9), 1e-12);
  EXPECT_EQ(find_theory(net("mlp", "tanh", 1), {})->asymptotic, 0);
  const GrowthSpec gelu = net("mlp", "gelu", 2);  // q grows for ever
  EXPECT_FALSE(find_theory(gelu, {})->asymptotic);
  const GrowthSpec linear = net("mlp", "identity", 1.5);
  EXPECT_EQ(find_theory(linear, {})->asymptotic, rate(linear));
}

/// Where q or the weights leave the range of float64 the map of q is a straight line; nothing
/// hangs.
TEST(MeanFieldTheory, BeyondTheRange) {
  GrowthSpec silu = net("mlp", "silu", 10);
  silu.depth = 1000;  // q = 50^1000
  EXPECT_NEAR(rate(silu), 0.5 * std::log(50.0), 1e-4);
  for_each_activation([](auto act) {
    for (const double scale : {1e-200, 1e-100, 1e100, 1e150, 1e200}) {
      GrowthSpec weights = net("mlp", act.name, scale);
      weights.depth = 1000;
      (void)find_theory(weights, {});
      GrowthSpec start = net("mlp", act.name, 1.5);
      start.init.h0.scale = scale;
      EXPECT_TRUE(std::isfinite(rate(start))) << act.name << ' ' << scale;
      GrowthSpec biased = net("mlp", act.name, 1.5);
      biased.init.bias = {ValueInit::Kind::gaussian, scale};
      (void)find_theory(biased, {});
    }
  });
  GrowthSpec relu = net("elman", "relu", 1);  // ½ ln ½ per map, from 1e400 on
  relu.share = false;
  relu.batch = 2;
  relu.init.h0.scale = 1e200;
  EXPECT_NEAR(rate(relu), 0.5 * std::log(0.5), 1e-12);
}

/// 10,000 maps at χ = 1 by steps of several: tanh's q falls like 1/(2 l), its gradient like
/// l^(-1/2).
TEST(MeanFieldTheory, ManySlowMapsAreOneStep) {
  const MeanField tanh{"tanh", 1, 0};
  const Carried carried = carry(tanh, 0, 10000);
  ASSERT_EQ(carried.ln_chi.size(), 10000U);
  double ln_q = 0;
  double sum = 0;
  double steps_sum = 0;
  for (std::size_t l = 0; l < 3000; ++l) {
    sum += tanh.ln_chi(ln_q);
    steps_sum += carried.ln_chi[l];
    ln_q = tanh.next_ln_q(ln_q);
  }
  EXPECT_NEAR(steps_sum / sum, 1, 1e-4);
  EXPECT_NEAR(std::exp(carried.ln_q) * 2 * 10000, 1, 0.01);
}

/// mpmath at 30 digits: 1/2 [ln(4/N) + E psi(K/2)].
TEST(FiniteWidth, ReluIsExact) {
  GrowthSpec he = net("mlp", "relu", std::sqrt(2.0));
  he.width = 16;
  EXPECT_NEAR(rate(he), -0.0881986622035251, 1e-13);
  he.width = 32;
  EXPECT_NEAR(rate(he), -0.0412701040481134, 1e-13);
  he.width = 100000;
  EXPECT_NEAR(rate(he), -1.25e-5, 1e-9);
  he.width = 3;
  EXPECT_TRUE(std::isfinite(rate(he)));
}

/// mpmath at 30 digits. A sparse W gathers the gradient on units of many links: the rate falls, and
/// where it is carried by a few of them (density 0.05 at width 64: measured -0.187) nothing is
/// said.
TEST(FiniteWidth, SparseWeights) {
  GrowthSpec he = net("mlp", "relu", std::sqrt(2.0));
  he.width = 64;
  he.init.density = 0.5;
  EXPECT_NEAR(rate(he), -0.0222665552368100, 1e-13);
  he.init.density = 0.3;
  EXPECT_NEAR(rate(he), -0.0258631512978396, 1e-13);
  he.init.density = 0.05;
  EXPECT_TRUE(std::isnan(rate(he)));
  he.activation = "tanh";
  EXPECT_TRUE(std::isnan(rate(he)));
  he.width = 4096;
  EXPECT_TRUE(std::isfinite(rate(he)));

  GrowthSpec product = net("mlp", "identity", 1);
  product.width = 64;
  product.init.density = 0.25;
  EXPECT_NEAR(rate(product), -0.00968838876417414, 1e-13);
}

/// The sum by Python (mpmath). Measured at N = 64 by others: 0.3382 ± 0.0045 for He.
TEST(FiniteWidth, PreactivationResidual) {
  EXPECT_NEAR(preact_relu_width_term(1, 1000), -0.4893873452941395, 1e-13);
  EXPECT_NEAR(preact_relu_width_term(0.25, 1000), -0.1943908521314187, 1e-13);
  EXPECT_EQ(preact_relu_width_term(0, 1000), 0);
  EXPECT_NEAR(preact_relu_width_term(1e-9, 1000), -1e-9, 1e-12);

  GrowthSpec he = net("residual", "relu", std::sqrt(2.0));
  he.residual = Residual::preact;
  he.width = 64;
  he.depth = 200;
  EXPECT_NEAR(rate(he), 0.5 * std::log(2) - 0.4893873452941395 / 64, 1e-12);
  he.init.bias = {ValueInit::Kind::gaussian, 0.1};
  EXPECT_NEAR(rate(he), 0.5 * std::log(2), 1e-12);  // not derived: no term
}

TEST(MeanFieldTheory, RatesOfNets) {
  GrowthSpec he = net("mlp", "relu", std::sqrt(2.0));
  he.width = 100;
  EXPECT_NEAR(rate(he), -0.0127104428113784, 1e-13);
  he.batch = 2;
  EXPECT_NEAR(rate(he), 0, 1e-12);

  GrowthSpec product = net("mlp", "identity", 1);
  product.width = 2;  // E ½ ln of a chi-square of 2 over 2: ½ (ln 2 - γ - ln 2)
  EXPECT_NEAR(rate(product), -0.5 * 0.57721566490153286, 1e-14);

  GrowthSpec driven = net("elman", "tanh", 1.5);
  driven.init.input = Initialisation::Input::gaussian;
  driven.init.input_scale = std::sqrt(0.05);  // adds S² like a bias of that deviation
  EXPECT_NEAR(*find_theory(driven, {})->asymptotic, 0.5 * std::log(1.0923379294862612), 1e-10);

  GrowthSpec rest = net("elman", "tanh", 0.5);
  rest.init.W.kind = Kind::orthogonal;
  EXPECT_DOUBLE_EQ(rate(rest), std::log(0.5));
  rest.init.W.scale = 1.5;  // shared, not at rest: no theory
  EXPECT_TRUE(std::isnan(rate(rest)));

  // No stable q: the mean over the fit's window lies between the smallest and largest ½ ln χ.
  GrowthSpec gelu = net("mlp", "gelu", 2.0);
  gelu.depth = 100;
  const Theory carried = *find_theory(gelu, {});
  EXPECT_NEAR(*carried.chi, 2, 1e-3);  // GELU is a ReLU from far away: σ_w² / 2
  EXPECT_LT(carried.rate, 0.5 * std::log(2.3));
  EXPECT_GT(carried.rate, 0.5 * std::log(1.9));
}

/// Shared weights at rest: the mean of ln(r f'(0)) over the seeds that rest.
TEST(MeasuredRadius, ComesBeforeMeanField) {
  const double nan = std::nan("");
  GrowthSpec spec = net("elman", "tanh", 0.9);
  const std::vector<DrawnFacts> seeds{{nan, -0.2, 2}, {nan, -0.4, 2}, {nan, 0.1, 2}};
  EXPECT_DOUBLE_EQ(find_theory(spec, seeds)->rate, -0.3);
  EXPECT_THAT(find_theory(spec, seeds)->formula, testing::HasSubstr("measured spectral radius"));
  const auto in_the_end = [&](const auto& facts) { return *find_theory(spec, facts)->asymptotic; };
  EXPECT_NEAR(in_the_end(std::vector<DrawnFacts>{}), std::log(0.9), 1e-12);  // nothing measured
  const std::vector<DrawnFacts> awake{{nan, 0.2, 2}, {nan, -0.1, 2}};
  EXPECT_NEAR(in_the_end(awake), std::log(0.9), 1e-12);
  spec.activation = "identity";  // linear at any radius, with any bias
  spec.init.bias = {ValueInit::Kind::gaussian, 1};
  EXPECT_DOUBLE_EQ(find_theory(spec, awake)->rate, 0.05);
  spec.activation = "tanh";
  EXPECT_EQ(find_theory(spec, seeds)->source, "Poole et al. 2016; Schoenholz et al. 2017");
}

/// [[.5, 2], [0, -.8]]: eigenvalues on the diagonal; singular values by the 2 x 2 formula.
TEST(MeasuredRadius, FactsOfAMatrix) {
  GrowthSpec spec = net("elman", "tanh", 1);
  spec.init.W = {Kind::file, 1, Tensor({2, 2}, {0.5, 2, 0, -0.8})};
  spec.width = 2;
  spec.depth = 3;
  const DrawnFacts facts = drawn_facts(spec, draw(make_problem(spec), resolve(spec), 1));
  EXPECT_NEAR(facts.ln_radius, std::log(0.8), 1e-6);  // float32 weights
  const double sum = 0.25 + 4 + 0.64;                 // of the squared singular values
  const double product = 0.4 * 0.4;
  EXPECT_NEAR(facts.sigma_max, std::sqrt(0.5 * (sum + std::sqrt(sum * sum - 4 * product))), 1e-6);
  EXPECT_NEAR(find_theory(spec, std::vector{facts})->rate, std::log(0.8), 1e-6);
  const std::optional<Bound> bound = find_bound(spec, std::vector{facts});
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->gamma, 1);
  EXPECT_THAT(bound->says, testing::HasSubstr("possible"));
  spec.activation = "sigmoid";  // 2.2 / 4
  EXPECT_THAT(find_bound(spec, std::vector{facts})->says, testing::HasSubstr("must vanish"));
  spec.activation = "tanh";
  const std::vector<DrawnFacts> isometry{{facts.scalar_rate, 0, 1 + 1e-15}};  // rounded
  EXPECT_THAT(find_bound(spec, isometry)->says, testing::HasSubstr("cannot explode"));
  spec.share = false;
  EXPECT_FALSE(find_bound(spec, std::vector{facts}));
  spec.share = true;
  EXPECT_FALSE(find_bound(spec, {}));
}

/// Maxima of |f'| in closed form where there is one, else from mpmath's findroot on f'' = 0.
TEST(Bound, MaxSlope) {
  struct Known {
    Activation act;
    double gamma;
  };
  for (const auto& [act, gamma] : std::initializer_list<Known>{{"identity", 1},
                                                               {"sigmoid", 0.25},
                                                               {"tanh", 1},
                                                               {"relu", 1},
                                                               {"leaky_relu", 1},
                                                               {"elu", 1},
                                                               {"selu", Selu::scale * Selu::alpha},
                                                               {"gelu", 1.12890414518515479},
                                                               {"gelu_tanh", 1.12899306865877177},
                                                               {"silu", 1.09983932012886692},
                                                               {"softplus", 1},
                                                               {"softsign", 1},
                                                               {"hard_sigmoid", 1.0 / 6},
                                                               {"hard_tanh", 1},
                                                               {"mish", 1.08849816125172786}}) {
    EXPECT_NEAR(max_slope(act), gamma, 1e-12) << act.name();
  }
}

/// Of the squared ratio; brute force for the fourth moments: one map of width 1 and one of width 2.
TEST(RatioMoments, OfGaussianLayers) {
  GrowthSpec he = net("mlp", "relu", std::sqrt(2.0));
  he.width = 1;  // the square is 2 χ² with probability 1/2: second moment 4 · 3 / 2 = 6
  he.depth = 1;
  EXPECT_NEAR(find_theory(he, {})->moments->mean, 1, 1e-14);
  EXPECT_NEAR(find_theory(he, {})->moments->variance, 5, 1e-13);
  he.width = 32;
  he.depth = 8;
  EXPECT_NEAR(find_theory(he, {})->moments->variance, std::pow(1 + 5.0 / 32, 8) - 1, 1e-13);
  he.init.W.scale = 2;  // χ = 2
  EXPECT_NEAR(find_theory(he, {})->moments->mean, 256, 1e-10);
  EXPECT_NEAR(find_theory(he, {})->moments->variance / (std::pow(1 + 5.0 / 32, 8) - 1), 65536,
              1e-7);
  GrowthSpec linear = net("mlp", "identity", 1);
  linear.width = 4;
  linear.depth = 2;  // (χ²_4 / 4) of second moment 24 / 16, twice
  EXPECT_NEAR(find_theory(linear, {})->moments->variance, 1.25, 1e-14);
  linear.activation = "tanh";
  EXPECT_FALSE(find_theory(linear, {})->moments);
}

TEST(ResidualTheory, Factor) {
  EXPECT_NEAR(std::log(homogeneous_residual_factor(2, 0)), 0.533063, 1e-6);
  EXPECT_NEAR(homogeneous_residual_factor(3, 1), 2, 1e-12);  // linear: 1 + σ²
  // A deep ReLU net reaches it.
  GrowthSpec deep = net("residual", "relu", std::sqrt(2.0));
  deep.depth = 1000;
  EXPECT_NEAR(rate(deep), std::log(homogeneous_residual_factor(2, 0)), 1e-3);
  deep.residual = Residual::preact;
  deep.width = 1'000'000;
  EXPECT_NEAR(rate(deep), 0.5 * std::log(2.0), 1e-6);
}

/// Numbers of tests/growth/gru_mean_field_numbers.py, which shares no code with this.
TEST(GruTheory, FixedPointsHaveTheirRate) {
  struct Point {
    double gain, bias, forget_bias, q, rate;
  };
  for (const Point& p :
       {Point{2.0, 0.5, 0.0, 0.09574306, -0.29584983},
        Point{3.0, 0.0, -1.0, 0.08642575, 0.08988397}, Point{6.0, 0.2, 2.0, 0.16956742, 0.25497610},
        Point{20.0, 0.1, 0.0, 0.47624215, 0.99889170}}) {
    GrowthSpec spec = net("gru", "tanh", p.gain);
    spec.share = false;
    spec.init.bias = {ValueInit::Kind::gaussian, p.bias};
    spec.init.forget_bias = p.forget_bias;
    spec.depth = 4000;
    const std::optional<Theory> theory = find_theory(spec, {});
    ASSERT_TRUE(theory);
    EXPECT_NEAR(*theory->q, p.q, 2e-7);
    EXPECT_NEAR(theory->rate, p.rate, 2e-7);
    spec.share = true;  // gates that rest are not drawn anew
    EXPECT_FALSE(find_theory(spec, {}));
  }
}

TEST(ScalarChain, IsTheProductOfSlopes) {
  GrowthSpec chain = net("elman", "sigmoid", 1);
  chain.width = 1;
  chain.depth = 2;
  const Tensors drawn{{"Wh", Tensor({1, 1}, {2.0})},
                      {"b", Tensor({1}, {0.5})},
                      {"x", Tensor({2, 1, 1}, {0.0, 0.0})},
                      {"h0", Tensor({1, 1}, {0.25})}};
  const auto f = [](double a) { return 1 / (1 + std::exp(-a)); };
  const double h1 = f(1.0);
  const double h2 = f(2 * h1 + 0.5);
  const double product = 2 * h2 * (1 - h2) * 2 * h1 * (1 - h1);
  // Three points: the least-squares slope is the end-to-end one.
  EXPECT_NEAR(scalar_chain_rate(chain, drawn), 0.5 * std::log(product), 1e-14);
}

}  // namespace
}  // namespace gradepth::growth
