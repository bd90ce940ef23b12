#include "host/growth/share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "bench/share_study.h"
#include "host/growth/statistics.h"

namespace gradepth::growth {
namespace {

double mean(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

TEST(TwoSampleBootstrap, DifferenceOfMeansHasTheTextbookInterval) {
  // Evenly spaced samples of n = 200 on [0, 1): variance 1/12, so the difference has the standard
  // error √(2/12/200) = 0.0289, and its interval ± 1.96 of them. 2000 resamples know it to 5 %.
  std::vector<double> a(200);
  std::vector<double> b(200);
  for (std::size_t i = 0; i < 200; ++i) {
    a[i] = static_cast<double>(i) / 200 + 3;
    b[i] = static_cast<double>(i) / 200;
  }
  const auto difference = [](auto x, auto y) { return mean(x) - mean(y); };
  const Interval interval = two_sample_bootstrap(a, b, difference);
  const double error = std::sqrt(2.0 / 12 / 200);
  EXPECT_DOUBLE_EQ(interval.value, mean(a) - mean(b));
  EXPECT_NEAR(*interval.low, 3 - 1.96 * error, 0.2 * error);
  EXPECT_NEAR(*interval.high, 3 + 1.96 * error, 0.2 * error);
  const Interval again = two_sample_bootstrap(a, b, difference);
  EXPECT_EQ(*interval.low, *again.low);
}

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
    EXPECT_EQ(spec.share, i % 2 == 0);
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
  spec.net = "mlp";
  EXPECT_THROW(measure_share(spec, 0.5, cpu, quiet), std::invalid_argument);
  spec = chain();
  spec.dtype = Dtype::f64;  // cpu has none
  const auto row = share_row(measure_share(spec, 0.5, cpu, quiet));
  EXPECT_EQ(row["status"], "unsupported");
  EXPECT_THAT(row["reason"], testing::HasSubstr("f32"));
}

}  // namespace
}  // namespace gradepth::growth
