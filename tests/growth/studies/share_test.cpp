#include "host/growth/studies/share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <complex>
#include <sstream>
#include <stdexcept>

#include "bench/studies/share_study.h"
#include "host/draw/initialise.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/statistics.h"

namespace gradepth::growth {
namespace {

GrowthSpec chain() {
  GrowthSpec spec;
  spec.net = "elman";
  spec.activation = "relu";
  spec.init.W = {WeightInit::Kind::gaussian, 1.5, {}};
  spec.width = 48;
  spec.depth = 40;
  spec.seeds = 12;
  return spec;
}

TEST(ShareStudy, ChainsDifferInNothingElse) {
  const Providers providers = make_providers({.threads = 1});
  int chains = 0;
  const ShareStudy study =
      measure_share(chain(), 0.25, *find(providers, "cpu"), [&](const std::string&) { ++chains; });
  EXPECT_EQ(chains, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const GrowthSpec& spec = study.chains[i].spec;
    EXPECT_EQ(is_shared(spec), i % 2 == 0);
    EXPECT_EQ(spec.init.density, i < 2 ? 1.0 : 0.25);
    // The chain alone gives the same.
    const GrowthResult alone = measure_growth(spec, *find(providers, "cpu"));
    EXPECT_EQ(study.chains[i].result.rates, alone.rates);
    EXPECT_NEAR(study.chains[i].mean, alone.total.value, 1e-12);
  }
  // Sharing widens the spread: at this width, gain and density far beyond the interval.
  EXPECT_GT(*study.contrasts[1].spread_ratio.low, 1);
  EXPECT_NEAR(study.contrasts[1].spread_ratio.value,
              study.chains[2].spread / study.chains[3].spread, 1e-12);
  EXPECT_NEAR(study.contrasts[2].mean_difference.value, study.chains[2].mean - study.chains[0].mean,
              1e-12);
  std::ostringstream table;
  const auto row = share_row(study);
  print_share(table, row);
  EXPECT_EQ(row["chains"].size(), 4U);
  EXPECT_EQ(row["status"], "ok");
  std::istringstream lines(table.str());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(ShareStudy, RefusesAndPassesRefusalsOn) {
  const Providers providers = make_providers({.threads = 1});
  Provider& cpu = *find(providers, "cpu");
  const auto quiet = [](const std::string&) {};
  GrowthSpec spec = chain();
  EXPECT_THROW(measure_share(spec, 1.0, cpu, quiet), std::invalid_argument);
  spec.seeds = 2;
  EXPECT_THROW(measure_share(spec, 0.5, cpu, quiet), std::invalid_argument);
  spec.seeds = 3;
  spec.net = "additive";
  EXPECT_THROW(measure_share(spec, 0.5, cpu, quiet), std::invalid_argument);
  spec = chain();
  spec.dtype = Dtype::f64;  // cpu has none
  const auto row = share_row(measure_share(spec, 0.5, cpu, quiet));
  EXPECT_EQ(row["status"], "unsupported");
  EXPECT_THAT(row["reason"], testing::HasSubstr("f32"));
}

/// One W for all layers of a net of layers, whatever the net.
TEST(ShareStudy, TakesEveryNetWithMatrices) {
  const Providers providers = make_providers({.threads = 1});
  for (const char* net : {"mlp", "residual", "cnn", "lstm", "gru", "mgu"}) {
    GrowthSpec spec = chain();
    spec.net = Net::find(net).value();
    spec.activation = "tanh";
    spec.width = 6;
    spec.depth = 8;
    spec.seeds = 4;
    const ShareStudy study =
        measure_share(spec, 0.5, *find(providers, "cpu"), [](const std::string&) {});
    for (const ShareChain& chain : study.chains) {
      EXPECT_EQ(chain.result.status, Status::ok) << net;
      EXPECT_EQ(chain.seeds, 4) << net;
      EXPECT_FALSE(chain.law) << net;  // tanh turns to no direction of its own
    }
    EXPECT_NE(study.chains[0].mean, study.chains[1].mean) << net;
  }
}

GrowthSpec linear_chain(std::int64_t depth) {
  GrowthSpec spec = chain();
  spec.activation = "identity";
  spec.init.W.scale = 1;
  spec.width = 64;
  spec.depth = depth;
  spec.seeds = 120;
  return spec;
}

/// ln |v| of what the eigenvalues of largest modulus alone make of the loss gradient in L maps,
/// less L ln ρ: W^T^L g = Σ λ_i^L c_i v_i, V c = g.
double offset_of_dominant_part(const GrowthSpec& spec, std::uint64_t seed) {
  const Problem problem = make_problem(spec);
  const Tensors drawn = draw(problem, resolve(spec), seed);
  const auto n = static_cast<Eigen::Index>(spec.width);
  const Eigen::MatrixXd Wt =
      Eigen::Map<const Eigen::MatrixXd>(drawn.at("Wh").data.data(), n, n);  // row-major: Wᵀ
  const std::vector<double>& dy = drawn.at("dy").data;
  const Eigen::VectorXd g = Eigen::Map<const Eigen::VectorXd>(&dy[dy.size() - 64], n);
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(Wt);
  const Eigen::VectorXcd c =
      solver.eigenvectors().partialPivLu().solve(g.cast<std::complex<double>>());
  const double rho = solver.eigenvalues().cwiseAbs().maxCoeff();
  Eigen::VectorXcd sum = Eigen::VectorXcd::Zero(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::complex<double> lambda = solver.eigenvalues()[i];
    if (std::abs(lambda) < rho * (1 - 1e-9)) continue;  // the largest, or the pair of them
    sum += std::polar(1.0, static_cast<double>(spec.depth) * std::arg(lambda)) * c[i] *
           solver.eigenvectors().col(i);
  }
  return std::log(sum.norm());
}

/// A draw's growth is L ln ρ, less what the start costs: the loss gradient has a share of about
/// 1/√N in the dominant direction, and eigenvectors that are not orthogonal give some of it back.
/// That does not grow with L.
TEST(ShareStudy, ALinearNetGrowsByItsSpectralRadius) {
  const Providers providers = make_providers({.threads = 1});
  std::vector<double> offsets;
  for (const std::int64_t L : {240, 960}) {
    const GrowthSpec spec = linear_chain(L);
    const GrowthResult result = measure_growth(spec, *find(providers, "cpu"));
    const std::optional<RadiusLaw> law = radius_law(spec, result);
    ASSERT_TRUE(law && law->line);
    EXPECT_EQ(std::count(law->settled.begin(), law->settled.end(), true), spec.seeds);
    EXPECT_NEAR(law->line->slope.value, L == 240 ? 0.98 : 0.995, L == 240 ? 0.02 : 0.01);
    EXPECT_GT(law->line->correlation, 0.98);
    std::vector<double> predicted;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      predicted.push_back(offset_of_dominant_part(spec, seed));
    }
    const Interval theory = student_interval(predicted);
    EXPECT_LT(*theory.low, *law->offset->high) << L;
    EXPECT_GT(*theory.high, *law->offset->low) << L;
    offsets.push_back(law->offset->value);
  }
  EXPECT_NEAR(offsets[0], offsets[1], 0.5);
}

/// Theory has mean and spread of both: one W goes with L, fresh ones with √L.
TEST(ShareStudy, TheoryKnowsTheSpreads) {
  const Providers providers = make_providers({.threads = 1});
  GrowthSpec linear = linear_chain(100);
  linear.width = 24;
  const ShareStudy study =
      measure_share(linear, 0.9, *find(providers, "cpu"), [](const std::string& /*chain*/) {});
  const auto& one = study.chains[0].result.theory->total;
  const auto& fresh = study.chains[1].result.theory->total;
  ASSERT_TRUE(one && fresh);
  EXPECT_TRUE(study.chains[0].law);
  EXPECT_FALSE(study.chains[1].law);
  const auto measured = [&](std::size_t chain) {
    return std::sqrt(variance(study.chains[chain].result.growths));
  };
  // The standard error of a deviation is 1/√(2 · 120) of it.
  EXPECT_NEAR(measured(0) / one->spread, 1, 0.2);
  EXPECT_NEAR(measured(1) / fresh->spread, 1, 0.2);
  EXPECT_GT(*study.contrasts[0].mean_difference.low, 0);
  GrowthSpec relu = linear_chain(50);
  relu.activation = "relu";
  relu.share = false;
  relu.width = 20;
  relu.seeds = 800;
  const GrowthResult r = measure_growth(relu, *find(providers, "cpu"));
  ASSERT_TRUE(r.theory->total);
  EXPECT_NEAR(std::sqrt(variance(r.growths)) / r.theory->total->spread, 1, 0.08);
  EXPECT_NEAR(mean(r.growths), r.theory->total->mean, 4 * r.theory->total->spread / std::sqrt(800));
}

/// A ReLU net whose units no longer change sides is linear from there on.
TEST(ShareStudy, AReluNetGrowsByItsActivePartOnceItHasSettled) {
  const Providers providers = make_providers({.threads = 1});
  GrowthSpec spec = linear_chain(480);
  spec.activation = "relu";
  spec.init.W.scale = 1.5;
  spec.width = 40;
  const GrowthResult result = measure_growth(spec, *find(providers, "cpu"));
  const RadiusLaw law = radius_law(spec, result).value();
  const auto settled = std::count(law.settled.begin(), law.settled.end(), true);
  EXPECT_GT(settled, 20);
  EXPECT_LT(settled, 100);  // others go round and round
  EXPECT_NEAR(law.line->slope.value, 1, 0.02);
  EXPECT_GT(law.line->correlation, 0.999);
}

TEST(ShareStudy, DrawsUntilTheIntervalIsNarrow) {
  const Providers providers = make_providers({.threads = 1});
  Provider& cpu = *find(providers, "cpu");
  GrowthSpec spec = linear_chain(40);
  spec.width = 16;
  spec.seeds = 5;
  spec.half_width = 0.02;
  const GrowthResult narrow = measure_growth(spec, cpu);
  EXPECT_LE(0.5 * (*narrow.rate.high - *narrow.rate.low), 0.02);
  EXPECT_GT(narrow.rates.size(), 20U);
  EXPECT_EQ(narrow.reason, "");
  // The same seeds in one go give the same.
  GrowthSpec whole = spec;
  whole.half_width = 0;
  whole.seeds = std::ssize(narrow.rates);
  const GrowthResult again = measure_growth(whole, cpu);
  EXPECT_EQ(again.rates, narrow.rates);
  EXPECT_EQ(again.ln_norm.median, narrow.ln_norm.median);
  EXPECT_EQ(again.theory->rate, narrow.theory->rate);
  spec.half_width = 1e-6;
  spec.max_seeds = 33;
  const GrowthResult capped = measure_growth(spec, cpu);
  EXPECT_EQ(capped.rates.size(), 33U);
  EXPECT_EQ(capped.reason, "a half-width of 1e-06 takes more than 33 seeds");
  // Where seeds leave the format they count as well.
  spec.init.W.scale = 40;
  spec.max_seeds = 12;
  const GrowthResult beyond = measure_growth(spec, cpu);
  EXPECT_EQ(beyond.verdict, Verdict::overflowed);
  EXPECT_EQ(beyond.rates.size(), 12U);
  for (const double rate : beyond.rates) EXPECT_NEAR(rate, std::log(40), 1);
}

}  // namespace
}  // namespace gradepth::growth
