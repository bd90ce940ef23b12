#include "host/growth/study/seeds.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "host/growth/study/measure.h"
#include "host/growth/study/row.h"

namespace gradepth::growth {
namespace {

TEST(GrowthSeeds, EachIndexOnceWithAStateOfItsThread) {
  for (const int threads : {1, 2, 5}) {
    for (const std::size_t n : {0U, 1U, 2U, 100U}) {
      std::vector<int> calls(n);
      std::atomic<int> states = 0;
      for_each_seed(
          n, threads, [&] { return std::make_unique<int>(++states); },
          [&](const std::unique_ptr<int>& state, std::size_t i) {
            calls[i] += *state > 0 ? 1 : 9;
          });
      EXPECT_EQ(calls, std::vector<int>(n, 1));
      EXPECT_LE(states, threads);
    }
  }
}

TEST(GrowthSeeds, FailuresStopTheRestAndAreThrown) {
  for (const int threads : {1, 3}) {
    std::atomic<int> calls = 0;
    const auto fail_at_5 = [&](int, std::size_t i) {
      ++calls;
      if (i == 5) throw std::runtime_error("five");
    };
    EXPECT_THROW(for_each_seed(
                     100'000, threads, [] { return 0; }, fail_at_5),
                 std::runtime_error);
    EXPECT_LT(calls, 100'000);
    const auto no_state = []() -> int { throw std::invalid_argument("no state"); };
    EXPECT_THROW(for_each_seed(3, threads, no_state, fail_at_5), std::invalid_argument);
  }
}

GrowthSpec study(Net net, WeightInit::Kind kind, double density) {
  GrowthSpec spec;
  spec.net = net;
  spec.width = 33;
  spec.depth = 7;
  spec.seeds = 5;
  spec.init.W = {kind, 1.3, {}};
  spec.init.density = density;
  return spec;
}

/// In a team of its own, measure_growth runs on one thread.
TEST(GrowthSeeds, TheNumberOfThreadsDoesNotChangeABit) {
  const Providers providers = make_providers({.threads = 1});
  for (const char* name : {"reference", "cpu"}) {
    Provider& provider = *find(providers, name);
    for (const char* net : {"mlp", "elman", "lstm", "gru", "mgu"}) {
      const GrowthSpec spec = study(Net::find(net).value(), WeightInit::Kind::gaussian, 1);
      const auto measured = [&] { return row(spec, measure_growth(spec, provider)).dump(); };
      std::string alone;
      parallel(2, [&](const Worker& worker) {
        if (worker.id() == 0) alone = measured();
      });
      EXPECT_EQ(measured(), alone) << name << ' ' << net;
    }
  }
}

TEST(GrowthSeeds, ACacheOfWeightsDoesNotChangeABit) {
  using Kind = WeightInit::Kind;
  const Providers providers = make_providers({.threads = 1});
  Provider& provider = *find(providers, "reference");
  WeightCache cache(std::size_t{1} << 20);
  WeightCache too_small(100);
  for (const Kind kind : {Kind::gaussian, Kind::orthogonal, Kind::he, Kind::identity}) {
    for (const double density : {1.0, 0.5}) {
      GrowthSpec spec = study("mlp", kind, density);
      for (const double gain : {0.5, 1.0, 2.5}) {
        spec.init.W.scale = gain;
        for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
          spec.dtype = dtype;
          const std::string plain = row(spec, measure_growth(spec, provider)).dump();
          EXPECT_EQ(plain, row(spec, measure_growth(spec, provider, &cache)).dump());
          EXPECT_EQ(plain, row(spec, measure_growth(spec, provider, &too_small)).dump());
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradepth::growth
