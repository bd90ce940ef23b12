// The model's times for launches whose counts are made up.
#include "bench/meter/model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gradepth {
namespace {

const Gpu& gpu(std::string_view name) {
  return *std::find_if(gpus().begin(), gpus().end(), [&](const Gpu& g) { return g.name == name; });
}

/// Loads so many bytes once, in whole sectors, on so many blocks.
meter::LaunchCounts stream_of(std::uint64_t bytes, std::uint64_t blocks) {
  meter::LaunchCounts launch;
  launch.blocks = blocks;
  meter::BufferCounts buffer;
  buffer.loads.bytes = bytes;
  buffer.loads.sectors = buffer.loads.unique_sectors = buffer.loads.block_sectors = bytes / 32;
  buffer.loads.lines = bytes / 128;
  launch.buffers.push_back(buffer);
  return launch;
}

TEST(Model, ALargeStreamTakesItsBytesOverTheBandwidth) {
  const std::vector<meter::LaunchCounts> launches = {stream_of(3'350'000'000, 4096)};
  const Prediction h100 = predict(launches, 0, gpu("H100"));
  EXPECT_NEAR(h100.us, 1000 + 2, 1e-6);  // 3.35 GB at 3.35 TB/s, and a launch
  EXPECT_NEAR(h100.us_without_fixed, 1000, 1e-6);
  EXPECT_EQ(h100.limiter, "memory");
  EXPECT_NEAR(predict(launches, 0, gpu("L4")).us_without_fixed, 1000 * 3350. / 300, 1e-6);
}

TEST(Model, WhatIsReadAgainPassesL2Only) {
  meter::LaunchCounts launch = stream_of(1'000'000'000, 4096);
  const double once = predict({{launch}}, 0, gpu("A100")).us;
  launch.buffers[0].loads.block_sectors *= 100;
  const Prediction again = predict({{launch}}, 0, gpu("A100"));
  EXPECT_GT(again.us, once);
  EXPECT_EQ(again.limiter, "L2");
}

TEST(Model, FewBlocksUseFewProcessors) {
  meter::LaunchCounts launch = stream_of(0, 1);
  launch.shared_loads.wavefronts = 1'980'000;
  const Prediction one = predict({{launch}}, 0, gpu("H100"));
  EXPECT_NEAR(one.us, 1000 + 2, 1e-6);  // a wavefront per clock
  EXPECT_EQ(one.limiter, "on chip");
  EXPECT_NEAR(one.us_without_fixed, 1000. / 132, 1e-6);
  launch.blocks = 10;
  EXPECT_NEAR(predict({{launch}}, 0, gpu("H100")).us, 100 + 2, 1e-6);
}

TEST(Model, ArithmeticAndBarriersCount) {
  meter::LaunchCounts launch = stream_of(3200, 1000);
  launch.grid_barriers = 5;
  const Prediction waits = predict({{launch}}, 0, gpu("A100"));
  EXPECT_EQ(waits.limiter, "fixed");
  EXPECT_GT(waits.us, 7);
  const Prediction computes = predict({{launch}}, 19.5e9, gpu("A100"));
  EXPECT_EQ(computes.limiter, "fp32");
  EXPECT_NEAR(computes.us, 1000 + 7, 2);  // 19.5 TFLOP/s
}

TEST(Model, PeaksAreThoseOfTheDataSheets) {
  const std::pair<const char*, double> tflops[] = {{"A100", 19.5},    {"H100", 67}, {"H200", 67},
                                                   {"RTX4090", 82.6}, {"L4", 30.3}, {"B200", 75}};
  EXPECT_EQ(std::size(tflops), gpus().size());
  for (const auto& [name, expected] : tflops) {
    const Gpu& g = gpu(name);
    EXPECT_NEAR(g.processors * g.fp32_per_clock * 2 * g.clock_ghz / 1e3, expected, 0.01 * expected)
        << name;
  }
}

}  // namespace
}  // namespace gradepth
