#include "host/growth/studies/share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "bench/commands/share_study.h"
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
