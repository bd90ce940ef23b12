#include "bench/timing/measure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/text/not_finite.h"

#include "bench/timing/limits.h"

namespace gradepth {
namespace {

/// Time that only passes when a candidate runs, on a processor that others may take away.
struct FakeTime {
  double now = 0;
  Usage used;
  int pauses = 0;

  void run(double seconds) {
    now += seconds;
    used.processor += seconds;
  }
  void wait(double seconds) {
    now += seconds;
    used.waited += seconds;
  }
  Watch watch() {
    return {[this] { return now; }, [this] { return used; },
            [this](double seconds) {
              now += seconds;
              ++pauses;
            }};
  }
};

Timing measure_one(FakeTime& time, std::function<void()> run, const MeasureOptions& options) {
  return measure({{std::move(run)}}, options, time.watch()).at(0);
}

TEST(Measure, TakesTurns) {
  FakeTime time;
  std::string order;
  const auto candidate = [&](char name, double seconds) {
    return Candidate{[&order, &time, name, seconds] {
      order += name;
      time.run(seconds);
    }};
  };
  const std::vector<Timing> timings =
      measure({candidate('A', 0.02), candidate('B', 0.04)}, {.min_seconds = 0.1}, time.watch());
  EXPECT_EQ(order.substr(0, 10), "AABBABABAB");  // two warm-up runs each, then in turn
  EXPECT_NEAR(timings[0].median, 0.02, 1e-12);
  EXPECT_NEAR(timings[1].median, 0.04, 1e-12);
  EXPECT_EQ(timings[0].samples, 10);
}

TEST(Measure, TakesBlocksApartInTime) {
  FakeTime time;
  const Timing timing = measure_one(time, [&] { time.run(0.02); }, {});
  EXPECT_EQ(timing.blocks, 5);
  EXPECT_EQ(time.pauses, 4);
}

TEST(Measure, RepeatsShortRuns) {
  FakeTime time;
  const Timing timing = measure_one(time, [&] { time.run(1e-6); }, {.min_seconds = 1e-3});
  EXPECT_NEAR(timing.median, 1e-6, 1e-12);
  EXPECT_EQ(timing.samples, 10);  // of 200 runs each
}

TEST(Measure, PreparationIsNotTimed) {
  FakeTime time;
  int prepared = 0;
  int runs = 0;
  const Candidate candidate{[&] {
                              ++runs;
                              time.run(1e-6);
                            },
                            [&] {
                              ++prepared;
                              time.run(1e-3);
                            }};
  const Timing timing =
      measure({candidate}, {.min_seconds = 0, .max_seconds = 10}, time.watch())[0];
  EXPECT_NEAR(timing.median, 1e-6, 1e-12);
  EXPECT_EQ(prepared, runs);
}

TEST(Measure, StopsAtTheWallLimitHoweverNoisy) {
  FakeTime time;
  int run = 0;
  const Timing timing =
      measure_one(time, [&] { time.run(run++ / 4 % 2 == 0 ? 0.1 : 0.3); }, {.max_seconds = 2});
  EXPECT_LE(timing.samples, 12);  // each 0.1 s or more, and the last block may begin at the limit

  EXPECT_GT(timing.noise, 0.05);
}

TEST(Measure, TakesACandidatesOwnClock) {
  FakeTime time;
  int runs_made = 0;
  const Candidate candidate{.run = [] { FAIL() << "timed by the wrong clock"; },
                            .sample = [&](int runs) -> Sample {
                              runs_made += runs;
                              time.wait(1);  // which does not disturb the device
                              return {runs * 3e-6};
                            }};
  const Timing timing =
      measure({candidate}, {.min_seconds = 0, .max_seconds = 100}, time.watch())[0];
  EXPECT_NEAR(timing.median, 3e-6, 1e-15);
  EXPECT_EQ(timing.samples, 10);
  EXPECT_EQ(timing.preempted, 0);
  EXPECT_EQ(runs_made, 2 + 5 + 10 * 67);  // warm-up, one for each block, samples of 200 us
}

TEST(Measure, ThrottledSamplesDoNotCount) {
  FakeTime time;
  int sample = 0;
  const auto half_throttled = [&](int runs) -> Sample {
    time.now += 1e-3;
    return ++sample % 2 == 0 ? Sample{runs * 2e-3, 0.5} : Sample{runs * 1e-3, 0.9};
  };
  const Timing timing =
      measure({{.run = {}, .sample = half_throttled}}, {.min_seconds = 0}, time.watch())[0];
  EXPECT_EQ(timing.median, 1e-3);
  EXPECT_EQ(timing.samples, 10);
  EXPECT_GE(timing.throttled, 5);

  const auto all_throttled = [&](int runs) -> Sample {
    time.now += 0.1;
    return {runs * 2e-3, 0.5};
  };
  const Timing none =
      measure({{.run = {}, .sample = all_throttled}}, {.max_seconds = 1}, time.watch())[0];
  EXPECT_EQ(none.samples, 0);
  EXPECT_GE(none.throttled, 5);
}

TEST(Measure, AFailureEndsOneCandidateAlone) {
  FakeTime time;
  int runs = 0;
  const Candidate fails{[&] {
    if (++runs == 4) throw std::runtime_error("out of luck");
    time.run(1);
  }};
  const std::vector<Timing> timings = measure({fails, {[&] { time.run(0.01); }}},
                                              {.min_seconds = 0, .max_seconds = 9}, time.watch());
  EXPECT_EQ(timings[0].error, "out of luck");
  EXPECT_EQ(timings[0].samples, 1);
  EXPECT_TRUE(timings[1].error.empty());
  EXPECT_EQ(timings[1].samples, 10);
}

TEST(Measure, PreemptedSamplesAreThrownAway) {
  // Another process takes the processor in three of four runs; or a thread of the team waits while
  // the others sleep, which only shows as wall time without processor time.
  for (const bool seen_by_the_queue : {true, false}) {
    FakeTime time;
    int run = 0;
    const Timing timing =
        measure_one(time,
                    [&] {
                      time.run(0.5e-3);
                      if (++run % 4 == 0) return;
                      seen_by_the_queue ? time.wait(3e-3) : static_cast<void>(time.now += 3e-3);
                    },
                    {.min_seconds = 0.01});
    EXPECT_NEAR(timing.median, 0.5e-3, 1e-9);
    EXPECT_FALSE(timing.disturbed);
    EXPECT_GE(timing.samples, 10);
    EXPECT_GE(timing.preempted, 2 * timing.samples);
  }
}

TEST(Measure, HoldsTheTeamWhileItMeasures) {
  FakeTime time;
  int held = 0;
  Watch watch = time.watch();
  watch.hold = [&] {
    ++held;
    return std::shared_ptr<const void>(nullptr, [&](const void*) { --held; });
  };
  const auto step = [&] {
    EXPECT_EQ(held, 1);
    time.run(0.5e-3);
  };
  EXPECT_GT(measure({{step}}, {}, watch)[0].samples, 0);
  EXPECT_EQ(held, 0);
}

TEST(Measure, TheFirstRunAfterAPauseDoesNotCount) {
  FakeTime time;
  bool asleep = true;
  Watch watch = time.watch();
  watch.pause = [&](double seconds) {
    time.now += seconds;
    asleep = true;
  };
  const auto step = [&] { time.run(std::exchange(asleep, false) ? 5e-3 : 1e-3); };
  // Two samples of a run in each block: were the first to count, the median would be 3 ms.
  const Timing timing = measure({{step}}, {.min_seconds = 0}, watch)[0];
  EXPECT_NEAR(timing.median, 1e-3, 1e-9);
  EXPECT_NEAR(timing.upper_quartile, 1e-3, 1e-9);
}

TEST(Measure, ABlockWithoutCleanSamplesIsMadeUpFor) {
  FakeTime time;
  Watch watch = time.watch();
  int block = 0;
  watch.pause = [&](double seconds) { time.now += seconds, ++block; };
  const auto step = [&] {
    time.run(1e-3);
    if (block == 2) time.wait(1e-3);
  };
  const Timing timing =
      measure({{step}}, {.min_seconds = 0, .max_seconds = 0.1, .noise = 0}, watch)[0];
  EXPECT_GE(timing.blocks, 5);
  EXPECT_FALSE(std::isnan(timing.noise));
  EXPECT_GT(timing.preempted, 0);
}

TEST(Measure, PausesCountAsItsTime) {
  FakeTime time;
  int run = 0;
  Watch watch = time.watch();
  double paused = 0;
  watch.pause = [&](double seconds) { time.now += seconds, paused += seconds; };
  const auto noisy = [&] { time.run(++run % 7 < 3 ? 1e-6 : 3e-6); };
  measure({{noisy}}, {.min_seconds = 1e-3, .max_seconds = 0.1, .noise = 0}, watch);
  EXPECT_LE(paused, 0.1);
}

TEST(Measure, ASampleGrowsWhereTheWarmUpWasSlow) {
  FakeTime time;
  int run = 0;
  const Timing timing =
      measure_one(time, [&] { time.run(++run <= 5 ? 5e-3 : 1e-6); }, {.min_seconds = 1e-3});
  EXPECT_NEAR(timing.median, 1e-6, 1e-12);
  EXPECT_LE(timing.samples, 12);  // each 0.1 s or more, and the last block may begin at the limit
  // of 200 runs, but for the first
}

TEST(Measure, ALittleWaitingIsNoPreemption) {
  FakeTime time;
  const Timing timing = measure_one(time,
                                    [&] {
                                      time.run(1e-3);
                                      time.wait(20e-6);
                                    },
                                    {.min_seconds = 0});
  EXPECT_EQ(timing.preempted, 0);
}

TEST(Measure, WaitingForADeviceIsNoPreemption) {
  FakeTime time;
  const Candidate candidate{.run = [&] { time.now += 1e-3; }, .sleeps = true};
  EXPECT_EQ(measure({candidate}, {}, time.watch())[0].preempted, 0);
}

TEST(Measure, WithoutCleanSamplesItIsDisturbed) {
  FakeTime time;
  const auto run = [&] {
    time.run(20e-3);
    time.wait(10e-3);
  };
  const Timing timing = measure_one(time, run, {.max_seconds = 1});
  EXPECT_TRUE(timing.disturbed);
  EXPECT_NEAR(timing.median, 30e-3, 1e-9);  // shown all the same
  EXPECT_GT(timing.samples, 10);
}

TEST(Measure, BlocksThatDisagreeAreDisturbed) {
  FakeTime time;  // what slows it down is not seen: a neighbour on the same memory, say
  const auto run = [&] { time.run(time.pauses % 2 == 0 ? 1e-3 : 2e-3); };
  EXPECT_TRUE(measure_one(time, run, {.max_seconds = 0.2}).disturbed);
}

TEST(Measure, DisturbedIsMeasuredAgain) {
  FakeTime time;
  const auto run = [&] {
    time.run(20e-3);
    if (time.now < 1.1) time.wait(10e-3);
  };
  const MeasureOptions options{.max_seconds = 1};
  EXPECT_TRUE(measure({{run}}, options, time.watch())[0].disturbed);
  time = {};
  const Timing timing = measure_again_if_disturbed({{run}}, options, time.watch())[0];
  EXPECT_FALSE(timing.disturbed);
  EXPECT_NEAR(timing.median, 20e-3, 1e-9);
  EXPECT_LT(time.now, 3);
}

TEST(Measure, DisturbedTwiceStaysDisturbed) {
  FakeTime time;
  const auto run = [&] {
    time.run(20e-3);
    time.wait(10e-3);
  };
  const Timing timing = measure_again_if_disturbed({{run}}, {.max_seconds = 1}, time.watch())[0];
  EXPECT_TRUE(timing.disturbed);
  EXPECT_LT(time.now, 3);
}

std::vector<Block> blocks_of(std::initializer_list<std::vector<double>> clean) {
  std::vector<Block> blocks;
  for (const std::vector<double>& samples : clean) blocks.push_back({samples, {}});
  return blocks;
}

TEST(Measure, SummarisesByQuantiles) {
  const Timing timing = summarise(blocks_of({{1, 2, 9}, {3}, {4, 4, 4}, {2, 3, 4}, {5}}));
  EXPECT_EQ(timing.median, 3);  // of 2, 3, 4, 3, 5
  EXPECT_EQ(timing.min, 1);
  EXPECT_EQ(timing.lower_quartile, 2.5);
  EXPECT_EQ(timing.upper_quartile, 4);
  EXPECT_EQ(timing.samples, 11);
  // Half of 2 t s/√n, over 1.96 medians: t of four degrees of freedom, s² = 1.3.
  EXPECT_NEAR(timing.noise, 2.776445 * std::sqrt(1.3 / 5) / 1.96 / 3, 1e-6);
}

TEST(Measure, NoiseHasAFloorAndNeedsFiveBlocks) {
  EXPECT_EQ(summarise(blocks_of({{1}, {1}, {1}, {1}, {1}})).noise, 0.02);
  EXPECT_TRUE(std::isnan(summarise(blocks_of({{1}, {1}, {1}, {1}})).noise));
  // However many samples say the same within a block.
  const std::vector<double> many(1000, 1.0);
  const std::vector<double> slow(1000, 1.2);
  EXPECT_GT(summarise(blocks_of({many, slow, many, slow, many})).noise, 0.05);
}

TEST(Measure, PreemptedSamplesCountWhereTooFewAreClean) {
  const Timing kept = summarise({{{1, 1}, {}}, {{1}, {9, 9}}, {{}, {9}}});
  EXPECT_FALSE(kept.disturbed);
  EXPECT_EQ(kept.samples, 3);
  EXPECT_EQ(kept.median, 1);
  const Timing all = summarise({{{1}, {9, 9}}, {{}, {9}}});
  EXPECT_TRUE(all.disturbed);
  EXPECT_EQ(all.samples, 4);
  EXPECT_EQ(all.median, 9);
}

TEST(Measure, SpeedupHasAnInterval) {
  Timing slow;
  slow.median = 4;
  slow.noise = 0.03;
  Timing fast;
  fast.median = 2;
  fast.noise = 0.04;
  const Speedup twice = speedup(slow, fast);
  EXPECT_NEAR(twice.value, 2, 1e-12);
  EXPECT_NEAR(twice.low, 2 * std::exp(-1.96 * 0.05), 1e-12);
  EXPECT_NEAR(twice.high, 2 * std::exp(1.96 * 0.05), 1e-12);
  fast.noise = std::nan("");
  EXPECT_TRUE(std::isnan(speedup(slow, fast).low));
}

// A run of a program has blocks that differ by 5 % and samples that differ by 1 %. The interval of
// two such runs' ratio should contain 1 in 95 % of pairs.
TEST(Measure, IntervalsOfIdenticalRunsHoldTheRatio) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  const auto run = [&] {
    std::vector<Block> blocks(5);
    for (Block& block : blocks) {
      const double level = std::exp(0.05 * normal(random));
      for (int i = 0; i < 50; ++i) block.clean.push_back(level * std::exp(0.01 * normal(random)));
    }
    return summarise(blocks);
  };
  constexpr int pairs = 2000;
  int held = 0;
  for (int i = 0; i < pairs; ++i) {
    const Speedup ratio = speedup(run(), run());
    held += ratio.low <= 1 && 1 <= ratio.high ? 1 : 0;
  }
  EXPECT_GT(held, 0.94 * pairs);
  EXPECT_LT(held, 0.995 * pairs);
}

TEST(Measure, OfNothingIsNothing) { EXPECT_TRUE(measure({}, {}).empty()); }

TEST(Limits, WhatFitsACacheIsReadAtTheCachesRate) {
  const Limits limits{{{1e4, 1e11}, {1e6, 1e10}, {1e8, 1e9}}, 1e15};
  const auto seconds = [&](std::int64_t n) {
    const ActivationProblem problem{.rows = 1, .cols = n};  // 12 bytes per element
    return least_seconds(limits, problem, bytes(problem));
  };
  EXPECT_NEAR(seconds(100), 1200 / 1e11, 1e-15);
  EXPECT_NEAR(seconds(10'000), 120e3 / 1e11, 1e-12);
  EXPECT_NEAR(seconds(100'000), 1.2e6 / 1e10, 1e-10);
  EXPECT_NEAR(seconds(100'000'000), 1.2, 1e-6);
  const Limits slow{{{1e4, 1e11}}, 1e3};
  EXPECT_NEAR(least_seconds(slow, ActivationProblem{.rows = 1, .cols = 100}, 1200), 0.3, 1e-9);
}

/// Seconds of the fastest of a few calls.
template <class F>
double fastest(F&& f) {
  double least = infinity;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    least = std::min(least, took.count());
  }
  return least;
}

/// Plain code does not pass the limits, and comes within reach of the memory's.
TEST(Limits, OfThisMachineHoldForPlainCode) {
  const Limits limits = measure_limits();
  const std::vector<double> from(std::size_t{1} << 24, 1.5);
  std::vector<double> to(from.size());
  const double copied = fastest([&] { std::copy(from.begin(), from.end(), to.begin()); });
  ASSERT_EQ(to.back(), 1.5);
  const double rate = 2.0 * static_cast<double>(from.size() * sizeof(double)) / copied;
  EXPECT_GT(limits.memory(), 0.3 * rate) << "a limit must not lie below what a copy reaches";
  EXPECT_LT(limits.memory(), 100 * rate);

  std::vector<float> x(1024, 1);
  constexpr int rounds = 2000;
  const double computed = fastest([&] {
    for (int i = 0; i < rounds; ++i) {
      for (float& v : x) v = v * 0.999F + 0.001F;
    }
  });
  ASSERT_NEAR(x[0], 1, 1e-3);
  const double flops = 2.0 * rounds * static_cast<double>(x.size()) / computed;
  EXPECT_GT(limits.flops_per_second, 0.7 * flops) << "nor below what a loop reaches";
  EXPECT_LT(limits.flops_per_second, 1e4 * flops);
}

/// Small rows do not wait for the bandwidth of large ones, and their limits are the same ones.
TEST(Limits, AreMeasuredUpToTheLargestWorkingSet) {
  const auto working_sets = [](double most) {
    std::vector<double> sizes;
    for (const Bandwidth& b : measure_limits(most).bandwidth) sizes.push_back(b.working_set);
    return sizes;
  };
  constexpr double kib = 1024;
  EXPECT_EQ(working_sets(0), (std::vector{192 * kib}));
  EXPECT_EQ(working_sets(1536 * kib - 1), (std::vector{192 * kib}));
  EXPECT_EQ(working_sets(1536 * kib), (std::vector{192 * kib, 1536 * kib}));
}

}  // namespace
}  // namespace gradepth
