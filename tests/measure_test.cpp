#include "bench/measure.h"

#include <gtest/gtest.h>

#include "bench/limits.h"

namespace gradepth {
namespace {

/// Time that only passes when a candidate runs.
struct FakeTime {
  double now = 0;
  Clock clock() {
    return [this] { return now; };
  }
};

TEST(Measure, TakesTurns) {
  FakeTime time;
  std::string order;
  const auto candidate = [&](char name, double seconds) {
    return Candidate{[&order, &time, name, seconds] {
                       order += name;
                       time.now += seconds;
                     },
                     {}};
  };
  const std::vector<Timing> timings =
      measure({candidate('A', 0.01), candidate('B', 0.02)}, {.min_seconds = 0.05}, time.clock());
  EXPECT_EQ(order.substr(0, 8), "AABBABAB");  // two warm-up runs each, then in turn
  EXPECT_NEAR(timings[0].median, 0.01, 1e-12);
  EXPECT_NEAR(timings[1].median, 0.02, 1e-12);
  EXPECT_EQ(timings[0].samples, 10);
}

TEST(Measure, RepeatsShortRuns) {
  FakeTime time;
  const Timing timing =
      measure({{[&] { time.now += 1e-6; }, {}}}, {.min_seconds = 1e-3}, time.clock())[0];
  EXPECT_NEAR(timing.median, 1e-6, 1e-12);
  EXPECT_LE(timing.samples, 20);  // of 50 runs each
}

TEST(Measure, PreparationIsNotTimed) {
  FakeTime time;
  int prepared = 0;
  int runs = 0;
  const Candidate candidate{[&] {
                              ++runs;
                              time.now += 1e-6;
                            },
                            [&] {
                              ++prepared;
                              time.now += 1e-3;
                            }};
  const Timing timing =
      measure({candidate}, {.min_seconds = 0, .max_seconds = 10}, time.clock())[0];
  EXPECT_NEAR(timing.median, 1e-6, 1e-12);
  EXPECT_EQ(prepared, runs);
}

TEST(Measure, StopsAtTheWallLimitHoweverNoisy) {
  FakeTime time;
  int run = 0;
  const Timing timing = measure({{[&] { time.now += (++run % 2 == 0) ? 0.1 : 0.3; }, {}}},
                                {.max_seconds = 2}, time.clock())[0];
  EXPECT_LE(timing.samples, 11);
  EXPECT_GT(timing.noise, 0.05);
}

TEST(Measure, StopsWhenTheNoiseHasSettled) {
  FakeTime time;
  int run = 0;
  const Timing timing = measure({{[&] { time.now += (++run % 2 == 0) ? 0.010 : 0.011; }}},
                                {.noise = 0, .noise_change = 0.6}, time.clock())[0];
  EXPECT_GE(timing.samples, 10 + 19);
  EXPECT_LT(timing.samples, 60);  // long before the two seconds are over
}

TEST(Measure, TakesACandidatesOwnClock) {
  FakeTime time;
  int runs_made = 0;
  const Candidate candidate{.run = [] { FAIL() << "timed by the wrong clock"; },
                            .sample = [&](int runs) -> Sample {
                              runs_made += runs;
                              time.now += 1;
                              return {runs * 4e-6};
                            }};
  const Timing timing =
      measure({candidate}, {.min_seconds = 0, .max_seconds = 100}, time.clock())[0];
  EXPECT_NEAR(timing.median, 4e-6, 1e-15);
  EXPECT_EQ(timing.samples, 10);
  EXPECT_EQ(runs_made, 1 + 1 + 10 * 13);  // a sample takes 50 microseconds
}

TEST(Measure, ThrottledSamplesDoNotCount) {
  FakeTime time;
  int sample = 0;
  const auto half_throttled = [&](int runs) -> Sample {
    time.now += 1e-3;
    return ++sample % 2 == 0 ? Sample{runs * 2e-3, 0.5} : Sample{runs * 1e-3, 0.9};
  };
  const Timing timing =
      measure({{.run = {}, .sample = half_throttled}}, {.min_seconds = 0}, time.clock())[0];
  EXPECT_EQ(timing.median, 1e-3);
  EXPECT_EQ(timing.samples, 10);
  EXPECT_GE(timing.throttled, 9);

  const auto all_throttled = [&](int runs) -> Sample {
    time.now += 0.1;
    return {runs * 2e-3, 0.5};
  };
  const Timing none =
      measure({{.run = {}, .sample = all_throttled}}, {.max_seconds = 1}, time.clock())[0];
  EXPECT_EQ(none.samples, 0);
  EXPECT_GE(none.throttled, 10);
}

TEST(Measure, AFailureEndsOneCandidateAlone) {
  FakeTime time;
  int runs = 0;
  const Candidate fails{[&] {
    if (++runs == 4) throw std::runtime_error("out of luck");
    time.now += 1;
  }};
  const std::vector<Timing> timings = measure({fails, {[&] { time.now += 0.01; }}},
                                              {.min_seconds = 0, .max_seconds = 9}, time.clock());
  EXPECT_EQ(timings[0].error, "out of luck");
  EXPECT_EQ(timings[0].samples, 1);
  EXPECT_TRUE(timings[1].error.empty());
  EXPECT_EQ(timings[1].samples, 10);
}

TEST(Measure, SummarisesByQuantiles) {
  const Timing timing = summarise({4, 1, 3, 2, 5});
  EXPECT_EQ(timing.median, 3);
  EXPECT_EQ(timing.min, 1);
  EXPECT_EQ(timing.lower_quartile, 2);
  EXPECT_EQ(timing.upper_quartile, 4);
  EXPECT_NEAR(timing.noise, 1.2533 * (2 / 1.349) / std::sqrt(5.0) / 3, 1e-12);
}

TEST(Measure, SpeedupHasAnInterval) {
  const Timing slow = summarise({4.0, 4.2, 3.8, 4.1, 3.9});
  const Timing fast = summarise({2.0, 2.1, 1.9});
  const Speedup twice = speedup(slow, fast);
  EXPECT_NEAR(twice.value, 2, 1e-12);
  EXPECT_LT(twice.low, 2);
  EXPECT_GT(twice.high, 2);
  EXPECT_GT(twice.low, 3.8 / 2.1 - 1e-12);
  EXPECT_LT(twice.high, 4.2 / 1.9 + 1e-12);
  const Speedup exact = speedup(summarise({3, 3}), summarise({1, 1, 1}));
  EXPECT_EQ(exact.low, 3);
  EXPECT_EQ(exact.high, 3);
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

TEST(Limits, OfThisMachineAreSane) {
  const Limits limits = measure_limits();
  EXPECT_GT(limits.memory(), 1e8);
  EXPECT_GT(limits.flops_per_second, 1e8);
  EXPECT_LT(limits.flops_per_second, 1e14);
}

}  // namespace
}  // namespace gradepth
