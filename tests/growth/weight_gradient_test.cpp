#include "host/growth/states/weight_gradient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <vector>

#include "host/growth/states/contributions.h"
#include "host/growth/states/states.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/row.h"
#include "host/text/not_finite.h"
#include "kernels/cell/cells.h"

/// Contributions to dL/dW, against matrices that are formed.
namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;
using testing::Each;
using testing::ElementsAre;

Provider& reference() {
  static const Providers all = make_providers({});
  return *find(all, "reference");
}

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

/// Σ_n a_n b_nᵀ [I, J].
std::vector<double> formed(const Contribution& step, std::size_t batch) {
  const std::size_t rows = step.a.size() / batch;
  const std::size_t cols = step.b.size() / batch;
  std::vector<double> matrix(rows * cols);
  for (std::size_t n = 0; n < batch; ++n) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        matrix[i * cols + j] += step.a[n * rows + i] * step.b[n * cols + j];
      }
    }
  }
  return matrix;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double cosine(std::span<const double> a, std::span<const double> b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

/// Numbers without a pattern, in ± 3.
Contribution some_step(std::size_t batch, std::size_t I, std::size_t J, double phase) {
  Contribution step{std::vector<double>(batch * I), std::vector<double>(batch * J)};
  double i = 0;
  for (double& v : step.a) v = 3 * std::sin(7.3 * i * i + phase), ++i;
  for (double& v : step.b) v = 3 * std::cos(5.1 * i * i + phase), ++i;
  return step;
}

TEST(Contributions, NormsAndCosinesAgreeWithFormedMatrices) {
  for (const std::size_t batch : {1U, 2U, 7U}) {  // 7 samples of 2 x 3: the matrix is formed
    std::vector<Contribution> steps{some_step(batch, 2, 3, 0), some_step(batch, 2, 3, 1),
                                    some_step(batch, 2, 3, 2)};
    const std::vector<double> cos = cosines(steps, batch);
    for (std::size_t s = 0; s < 3; ++s) {
      const std::vector<double> matrix = formed(steps[s], batch);
      EXPECT_NEAR(ln_norm(steps[s], batch), 0.5 * std::log(dot(matrix, matrix)), 1e-13);
      for (std::size_t t = 0; t < 3; ++t) {
        EXPECT_NEAR(cos[3 * s + t], cosine(matrix, formed(steps[t], batch)), 1e-13) << batch;
      }
    }
    // Factors far outside the range of their product change neither.
    const double ln = ln_norm(steps[1], batch);
    for (double& v : steps[1].a) v *= 1e-250;
    for (double& v : steps[1].b) v *= 1e-250;
    EXPECT_NEAR(ln_norm(steps[1], batch), ln - 500 * std::log(10), 1e-10);
    const std::vector<double> again = cosines(steps, batch);
    for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(again[i], cos[i], 1e-13);
  }
}

TEST(Contributions, ZeroAndNotFiniteHaveNoCosine) {
  std::vector<Contribution> steps{some_step(1, 2, 2, 0), some_step(1, 2, 2, 1),
                                  some_step(1, 2, 2, 2)};
  steps[0].b = {0, 0};
  steps[2].a[1] = infinity;
  EXPECT_EQ(ln_norm(steps[0], 1), -infinity);
  EXPECT_TRUE(std::isnan(ln_norm(steps[2], 1)));
  const std::vector<double> cos = cosines(steps, 1);
  for (const std::size_t i : {0U, 1U, 2U, 3U, 5U, 6U, 7U, 8U}) EXPECT_TRUE(std::isnan(cos[i])) << i;
  EXPECT_NEAR(cos[4], 1, 1e-15);
  EXPECT_TRUE(cosines(std::vector<Contribution>{}, 1).empty());
}

/// h_T = w^(T-1): T - 1 equal contributions; that of step 1 is 0, for h_0 = 0. Powers of w are T
/// products in both, each with a relative error of 2^-53.
TEST(WeightGradientOfAScalar, IsTheProductRule) {
  for (const double w : {0.9, -0.9, 1.1}) {
    for (const std::size_t T : {1U, 2U, 30U, 100U}) {
      GrowthSpec spec = net("elman", "identity", Kind::constant, w);
      spec.width = 1;
      spec.depth = static_cast<std::int64_t>(T);
      spec.init.h0 = {ValueInit::Kind::constant, 0};
      spec.init.input = Initialisation::Input::impulse;
      spec.init.loss = Initialisation::LossGradient::ones;
      const GrowthResult r = measure(spec);
      const WeightGradient& g = r.weight_gradient;
      const double one = std::pow(std::abs(w), static_cast<double>(T) - 2);
      const double sum = static_cast<double>(T - 1) * one;
      EXPECT_NEAR(g.sum, sum, 1e-13 * sum) << w << ' ' << T;
      ASSERT_TRUE(r.weight_theory);
      EXPECT_NEAR(*r.weight_theory->sum, sum, 1e-14 * sum);
      ASSERT_EQ(g.by_lag.size(), T);
      EXPECT_EQ(g.by_lag[T - 1], 0);
      for (std::size_t k = 0; k + 1 < T; ++k) {
        EXPECT_NEAR(g.by_lag[k] / one, 1, 1e-12) << w << ' ' << k;
        EXPECT_NEAR(g.ln_by_lag[k], std::log(one), 1e-12) << w << ' ' << k;
      }
      const std::size_t shown = T == 100 ? sketched_lags : T;
      ASSERT_EQ(g.cosine.size(), shown * shown);
      for (std::size_t i = 0; i < g.cosine.size(); ++i) {
        const bool first_step = i % shown == shown - 1 || i / shown == shown - 1;
        EXPECT_TRUE(first_step ? std::isnan(g.cosine[i]) : g.cosine[i] == 1) << i;
      }
      EXPECT_TRUE(T == 1 ? std::isnan(g.cancellation) : std::abs(g.cancellation - 1) < 1e-12);
    }
  }
}

/// 0.01^198 is 0 in float64, but its factors are not.
TEST(WeightGradientOfAScalar, LogarithmsStayInRange) {
  GrowthSpec spec = net("elman", "identity", Kind::constant, 0.01);
  spec.width = 1;
  spec.depth = 200;
  spec.init.h0 = {ValueInit::Kind::constant, 0};
  spec.init.input = Initialisation::Input::impulse;
  const WeightGradient g = measure(spec).weight_gradient;
  EXPECT_EQ(g.by_lag[100], 0);
  EXPECT_NEAR(g.ln_by_lag[100] / (198 * std::log(0.01)), 1, 1e-13);
}

/// An untied net with the same weights in every map has the shared net's contributions as its
/// layers' gradients, which the provider forms.
TEST(WeightGradientByLag, IsTheUnrolledNets) {
  std::vector<std::string> nets = all_names(gate_cells);
  nets.insert(nets.end(), {"mlp", "residual", "cnn"});
  for (const std::string& name : nets) {
    for (const std::int64_t T : {5, 70}) {  // 70: a sketch
      GrowthSpec spec = net(name, "tanh", Kind::constant, 0.15);
      spec.width = 4;
      spec.depth = T;
      spec.batch = 3;
      if (is_recurrent(spec)) spec.init.input = Initialisation::Input::gaussian;
      spec.share = true;
      const WeightGradient shared = measure(spec).weight_gradient;
      spec.share = false;
      const WeightGradient untied = measure(spec).weight_gradient;
      const auto L = static_cast<std::size_t>(T);
      ASSERT_EQ(shared.by_lag.size(), L);
      ASSERT_EQ(untied.by_layer.size(), L);
      EXPECT_TRUE(untied.cosine.empty());
      PlanPtr plan = std::get<PlanPtr>(reference().plan(make_problem(spec)));
      plan->set(draw(make_problem(spec), resolve(spec), spec.first_seed));
      plan->run();
      const Tensor dW = plan->get(is_recurrent(spec) ? "dWh" : "dW");  // [T, G H, H]
      std::vector<double> sum(dW.stride());
      for (std::size_t l = 0; l < L; ++l) {
        const double norm = std::exp(ln_norm(slice(dW, l)));
        EXPECT_NEAR(untied.by_layer[l] / norm, 1, 1e-12) << name << l;
        EXPECT_NEAR(shared.by_lag[L - 1 - l] / norm, 1, 1e-12) << name << l;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += slice(dW, l)[i];
      }
      EXPECT_NEAR(shared.sum / std::exp(ln_norm(sum)), 1, 1e-12) << name;
      EXPECT_LE(shared.cancellation, 1 + 1e-12);
      const std::vector<std::size_t>& lags = shared.cosine_lags;
      if (is_cnn(spec) && T == 70) {  // more than 1024 rows of pixels
        EXPECT_TRUE(lags.empty());
        continue;
      }
      EXPECT_EQ(lags, cosine_lags(L));
      ASSERT_EQ(shared.cosine.size(), lags.size() * lags.size());
      for (std::size_t k = 0; k < lags.size(); ++k) {
        for (std::size_t j = 0; j < lags.size(); ++j) {
          // Divided by the norms first: the product of two far lags is tiny.
          std::vector<double> a(slice(dW, L - 1 - lags[k]).begin(),
                                slice(dW, L - 1 - lags[k]).end());
          for (double& v : a) v /= shared.by_lag[lags[k]];
          const double expected = dot(a, slice(dW, L - 1 - lags[j])) / shared.by_lag[lags[j]];
          EXPECT_NEAR(shared.cosine[k * lags.size() + j], expected, 1e-12) << name << k << ' ' << j;
        }
      }
    }
  }
}

TEST(WeightGradientByLag, OfAdditiveNetsAddsUp) {
  for (const AdditiveForm form :
       {AdditiveForm::two_term, AdditiveForm{1}, AdditiveForm{4}, AdditiveForm::sum}) {
    GrowthSpec spec = net("additive", "identity", Kind::constant, 0.4);
    spec.form = form;
    spec.width = 1;
    spec.depth = 6;
    spec.init.h0 = {ValueInit::Kind::constant, 1};
    const WeightGradient w = measure(spec).weight_gradient;
    double sum = 0;  // every term is positive
    for (const double lag : w.by_lag) sum += lag;
    EXPECT_NEAR(w.sum / sum, 1, 1e-12) << form.name();
    EXPECT_NEAR(w.cancellation, 1, 1e-12) << form.name();
    EXPECT_EQ(w.cosine.size(), 36U);
    EXPECT_THAT(w.cosine, Each(1.0)) << form.name();
    EXPECT_NEAR(w.ln_by_lag[5], std::log(w.by_lag[5]), 1e-14);
  }
  EXPECT_THAT(cosines(std::vector<double>{2, -1e-300}), ElementsAre(1, -1, -1, 1));
  EXPECT_THAT(cosines(std::vector<double>{0}), ElementsAre(testing::IsNan()));
}

TEST(WeightGradientCosines, AreSketchedAndLimited) {
  EXPECT_EQ(cosine_lags(64).size(), 64U);
  EXPECT_THAT(cosine_lags(1), ElementsAre(0U));
  for (const std::size_t L : {65U, 100U, 100'000U}) {
    const std::vector<std::size_t> lags = cosine_lags(L);
    EXPECT_EQ(lags.size(), sketched_lags);
    EXPECT_EQ(lags.front(), 0U);
    EXPECT_EQ(lags.back(), L - 1);
    EXPECT_TRUE(std::is_sorted(lags.begin(), lags.end(), std::less_equal<>()));
  }
  GrowthSpec spec = net("elman", "tanh", Kind::gaussian, 1);
  spec.width = 2;
  spec.depth = 64;
  spec.batch = 16;
  EXPECT_EQ(measure(spec).weight_gradient.cosine.size(), 64U * 64U);
  spec.batch = 17;
  const nlohmann::ordered_json json = row(spec, measure(spec))["weight_gradient"];
  EXPECT_TRUE(json["cosine"].is_null());
  EXPECT_TRUE(json["cosine_lags"].is_null());
  EXPECT_EQ(json["by_lag"].size(), 64U);
}

TEST(WeightGradientOverSeeds, MediansAndMeanCosines) {
  const double nan = std::nan("");
  WeightGradient seed{.by_lag = {1}, .ln_by_lag = {0}, .sum = 1, .cancellation = 0.5};
  seed.cosine_lags = {0, 1};
  seed.cosine = {1, 0.5, nan, nan};
  WeightGradient other = seed;
  other.by_lag = {3};
  other.sum = nan;
  other.cosine = {1, -0.25, 0.75, nan};
  const std::vector<WeightGradient> seeds{seed, other};
  const WeightGradient all = over_seeds(seeds);
  EXPECT_THAT(all.by_lag, ElementsAre(2));
  EXPECT_TRUE(std::isnan(all.sum));
  EXPECT_EQ(all.cancellation, 0.5);
  EXPECT_THAT(all.cosine, ElementsAre(1, 0.125, 0.75, testing::IsNan()));
}

TEST(WeightGradientRow, HasTheTheoryOfTheScalarOnly) {
  GrowthSpec spec = net("elman", "identity", Kind::constant, 0.5);
  spec.width = 1;
  spec.depth = 4;
  spec.init.h0 = {ValueInit::Kind::constant, 0};
  spec.init.input = Initialisation::Input::impulse;
  nlohmann::ordered_json json = row(spec, measure(spec))["weight_gradient"];
  EXPECT_DOUBLE_EQ(json["theory"]["sum"], 0.75);
  EXPECT_EQ(json["cosine"].size(), 4U);
  EXPECT_EQ(json["cosine"][0][2], 1);
  EXPECT_TRUE(json["cosine"][0][3].is_null());
  spec.width = 2;
  json = row(spec, measure(spec))["weight_gradient"];
  EXPECT_TRUE(json["theory"].is_null());
}

}  // namespace
}  // namespace gradepth::growth
