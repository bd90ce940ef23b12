#include "bench/compare/runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>

#include "host/text/not_finite.h"

namespace gradepth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TimedRow timed(double ms, double noise = 0.02) { return {.ms = ms, .noise = noise}; }

GrownRow grown(double rate, double half, const char* verdict, double depth = 100) {
  return {.rate = {rate, rate - half, rate + half}, .depth = depth, .verdict = verdict};
}

ComparedRun times(std::map<std::string, TimedRow> rows) {
  ComparedRun run;
  run.times = std::move(rows);
  return run;
}

ComparedRun growths(std::map<std::string, GrownRow> rows) {
  ComparedRun run;
  run.growths = std::move(rows);
  return run;
}

std::vector<std::string> verdicts(const RunComparison& comparison) {
  std::vector<std::string> list;
  list.reserve(comparison.rows.size());
  for (const ComparedRow& row : comparison.rows) list.push_back(row.name + ' ' + row.verdict);
  return list;
}

RunComparison compared(const ComparedRun& before, const ComparedRun& after) {
  return compare_runs(before, after, {});
}

TEST(CompareRuns, PassesWhatIsTheSame) {
  const ComparedRun run = times({{"a", timed(1)}, {"b", timed(2)}});
  const RunComparison comparison = compared(run, run);
  EXPECT_THAT(verdicts(comparison), ElementsAre("a same", "b same"));
  EXPECT_THAT(comparison.failures, IsEmpty());
  EXPECT_EQ(comparison.common, 2U);
  EXPECT_EQ(comparison.mean_ratio.value, 1);
}

TEST(CompareRuns, SortsByChangeAndFailsOnSlowerAlone) {
  const RunComparison comparison =
      compared(times({{"a", timed(1)}, {"b", timed(1)}, {"c", timed(1)}}),
               times({{"a", timed(1.01)}, {"b", timed(1.5)}, {"c", timed(0.5)}}));
  EXPECT_THAT(verdicts(comparison), ElementsAre("c faster", "b slower", "a same"));
  EXPECT_THAT(comparison.failures, ElementsAre("1 row slower"));
  EXPECT_THAT(compared(times({{"a", timed(1)}}), times({{"a", timed(0.5)}})).failures, IsEmpty());
}

TEST(CompareRuns, GivesTheRatioItsInterval) {
  const RunComparison comparison =
      compared(times({{"a", timed(2, 0.03)}}), times({{"a", timed(3, 0.04)}}));
  const growth::Interval& ratio = comparison.rows[0].ratio;
  EXPECT_DOUBLE_EQ(ratio.value, 1.5);
  EXPECT_NEAR(*ratio.low, 1.5 * std::exp(-1.96 * 0.05), 1e-12);
  EXPECT_NEAR(*ratio.high, 1.5 * std::exp(1.96 * 0.05), 1e-12);
}

TEST(CompareRuns, AnotherPaceOfTheMachineIsNoRegression) {
  const auto run = [](double slower, double pace) {
    std::map<std::string, TimedRow> rows;
    for (const char* name : {"a", "b", "c"}) {
      rows[name] = timed(slower);
      rows[name].pace = pace;
    }
    return times(std::move(rows));
  };
  const RunComparison slow_machine = compared(run(1, 200), run(1.4, 140));
  EXPECT_THAT(verdicts(slow_machine), ElementsAre("a unclear", "b unclear", "c unclear"));
  EXPECT_THAT(slow_machine.rows[0].reason, HasSubstr("pace"));
  // Three numbers and three numbers apart: sd = half the distance, times sqrt(6/5).
  EXPECT_NEAR(slow_machine.pace_spread, std::log(200.0 / 140) / 2 * std::sqrt(1.2), 1e-12);
  EXPECT_NEAR(
      *slow_machine.rows[0].ratio.high,
      1.4 * std::exp(1.96 * std::hypot(0.02, 0.02, std::sqrt(2) * slow_machine.pace_spread)),
      1e-12);
  const RunComparison slow_code = compared(run(1, 200), run(1.4, 200));
  EXPECT_THAT(slow_code.failures, ElementsAre("3 rows slower"));
  EXPECT_EQ(slow_code.pace_spread, 0);
  EXPECT_THAT(compared(run(1, nan), run(1.4, 200)).failures, ElementsAre("3 rows slower"));
}

TEST(CompareRuns, TakesUnknownNoiseForUnknown) {
  for (const double noise : {nan, 0.02}) {
    const RunComparison comparison =
        compared(times({{"a", timed(1, nan)}}), times({{"a", timed(10, noise)}}));
    EXPECT_THAT(verdicts(comparison), ElementsAre("a unknown"));
    EXPECT_THAT(comparison.failures, ElementsAre("no row could be judged"));
  }
}

TEST(CompareRuns, CallsNothingTheSameThatNoiseCouldHide) {
  EXPECT_THAT(verdicts(compared(times({{"a", timed(1, 0.9)}}), times({{"a", timed(10, 0.9)}}))),
              ElementsAre("a unclear"));
  EXPECT_THAT(verdicts(compared(times({{"a", timed(1, 0.5)}}), times({{"a", timed(1, 0.5)}}))),
              ElementsAre("a unclear"));
}

TEST(CompareRuns, DoesNotJudgeDisturbedRows) {
  TimedRow disturbed = timed(10);
  disturbed.disturbed = true;
  const RunComparison alone = compared(times({{"a", timed(1)}}), times({{"a", disturbed}}));
  EXPECT_THAT(verdicts(alone), ElementsAre("a disturbed"));
  EXPECT_THAT(alone.failures, ElementsAre("no row could be judged"));
  const RunComparison beside = compared(times({{"a", timed(1)}, {"b", timed(1)}}),
                                        times({{"a", disturbed}, {"b", timed(1)}}));
  EXPECT_THAT(verdicts(beside), ElementsAre("a disturbed", "b same"));
  EXPECT_THAT(beside.failures, IsEmpty());
  EXPECT_EQ(beside.ratios, 1U);
}

TEST(CompareRuns, NamesWhatVanishedAndWhatBroke) {
  TimedRow broken = timed(nan, nan);
  broken.status = Status::incorrect;
  const RunComparison comparison = compared(
      times({{"a", timed(1)}, {"b", timed(1)}, {"c", timed(1)}, {"d", broken}, {"f", broken}}),
      times({{"a", timed(nan, nan)},
             {"c", broken},
             {"d", timed(1)},
             {"e", timed(1)},
             {"f", broken}}));
  EXPECT_THAT(verdicts(comparison), ElementsAre("a vanished", "c broken", "d mended", "b vanished",
                                                "e new", "f no time"));
  EXPECT_THAT(comparison.failures, ElementsAre("1 row broken", "2 rows vanished"));
}

TEST(CompareRuns, RefusesRunsWithoutACommonRow) {
  EXPECT_THROW(compared(times({{"a", timed(1)}}), times({{"b", timed(1)}})), std::invalid_argument);
}

TEST(CompareRuns, FailsOnAnotherMachineUnlessAllowed) {
  ComparedRun before = times({{"a", timed(1)}});
  ComparedRun after = before;
  before.machines["a"] = {{"processor", "A"}, {"threads", "2"}};
  after.machines["a"] = {{"processor", "B"}, {"threads", "2"}, {"vector", "AVX2"}};
  EXPECT_THAT(compared(before, after).failures, ElementsAre("another processor: A, then B"));
  EXPECT_THAT(compare_runs(before, after, {.other_machine = true}).failures, IsEmpty());
}

/// Two runs of the same code, with the noise that their rows state: in how many of 200 pairs some
/// row is called slower or faster. Each row alone would be at 1.96 errors in half of the pairs.
TEST(CompareRuns, HoldsAllVerdictsTogether) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  int wrong = 0;
  for (int pair = 0; pair < 200; ++pair) {
    ComparedRun before;
    ComparedRun after;
    for (int i = 0; i < 100; ++i) {
      before.times["row " + std::to_string(i)] = timed(std::exp(0.05 * normal(random)), 0.05);
      after.times["row " + std::to_string(i)] = timed(std::exp(0.05 * normal(random)), 0.05);
    }
    for (const ComparedRow& row : compare_runs(before, after, {.threshold = 0}).rows) {
      if (row.verdict == "slower" || row.verdict == "faster") {
        ++wrong;
        break;
      }
    }
  }
  EXPECT_LE(wrong, 20);  // 5 % and three of its standard errors
}

/// Noise from five blocks has the tails of Student's t: what 2 errors mean does not change, what 4
/// errors mean does.
TEST(CompareRuns, KnowsHowWellTheNoiseIsKnown) {
  ComparedRun before;
  for (int i = 0; i < 100; ++i) before.times["row " + std::to_string(i)] = timed(1);
  ComparedRun after = before;
  const double error = 0.02 * std::sqrt(2.0);
  after.times["row 7"] = timed(1.05 * std::exp(4 * error));  // by chance 6e-5; held against 5e-4
  EXPECT_EQ(compared(before, after).rows[0].verdict, "slower");
  for (ComparedRun* run : {&before, &after}) {
    for (auto& [name, time] : run->times) time.blocks = 5;
  }
  EXPECT_EQ(compared(before, after).rows[0].verdict, "unclear");  // by chance 1.5e-3
  after.times["row 7"].ms = 1.05 * std::exp(6 * error);
  EXPECT_EQ(compared(before, after).rows[0].verdict, "slower");
}

TEST(CompareRuns, FindsOneRowOfManyThatIsReallySlower) {
  ComparedRun before;
  for (int i = 0; i < 200; ++i) before.times["row " + std::to_string(i)] = timed(1);
  ComparedRun after = before;
  after.times["row 7"] = timed(1.3);
  const RunComparison comparison = compared(before, after);
  EXPECT_EQ(comparison.rows[0].name, "row 7");
  EXPECT_THAT(comparison.failures, ElementsAre("1 row slower"));
}

TEST(CompareRuns, GivesTheGeometricMeanItsInterval) {
  const RunComparison comparison =
      compared(times({{"a", timed(1)}, {"b", timed(1)}, {"c", timed(1)}}),
               times({{"a", timed(1.1)}, {"b", timed(1)}, {"c", timed(1 / 1.1)}}));
  EXPECT_NEAR(comparison.mean_ratio.value, 1, 1e-12);
  // t with 2 degrees of freedom is 4.3027 at 0.975; the logarithms' deviation is ln 1.1.
  EXPECT_NEAR(std::log(*comparison.mean_ratio.high), 4.302653 * std::log(1.1) / std::sqrt(3), 1e-6);
  EXPECT_FALSE(compared(times({{"a", timed(1)}}), times({{"a", timed(1)}})).mean_ratio.low);
}

TEST(CompareRuns, ComparesGrowth) {
  const RunComparison comparison = compared(growths({{"a", grown(-0.1, 0.01, "vanishing")},
                                                     {"b", grown(-0.1, 0.01, "vanishing")},
                                                     {"c", grown(-0.1, 0.01, "vanishing")},
                                                     {"d", grown(0.02, 0.002, "inconclusive")},
                                                     {"e", grown(-0.1, 0, "vanishing")}}),
                                            growths({{"a", grown(0.1, 0.01, "exploding")},
                                                     {"b", grown(-0.13, 0.01, "vanishing")},
                                                     {"c", grown(-0.105, 0.01, "vanishing")},
                                                     {"d", grown(0.0235, 0.002, "exploding")},
                                                     {"e", grown(-0.1 - 1e-9, 0, "vanishing")}}));
  EXPECT_THAT(verdicts(comparison),
              ElementsAre("a changed", "b changed", "c same", "d unclear", "e same"));
  EXPECT_THAT(comparison.failures, ElementsAre("2 rows changed"));
  EXPECT_THAT(comparison.rows[0].reason, HasSubstr("vanishing, now exploding"));
}

TEST(CompareRuns, DoesNotJudgeGrowthWithoutIntervals) {
  GrownRow before = grown(-0.1, 0.01, "vanishing");
  GrownRow after = grown(-0.2, 0.01, "vanishing");
  before.rate.low = before.rate.high = std::nullopt;
  EXPECT_THAT(verdicts(compared(growths({{"a", before}}), growths({{"a", after}}))),
              ElementsAre("a unknown"));
  after.rate = {nan, {}, {}};
  EXPECT_THAT(compared(growths({{"a", before}}), growths({{"a", after}})).failures,
              ElementsAre("1 row vanished", "no row could be judged"));
}

TEST(PooledRepetitions, HaveTheNoiseOfTheirSpread) {
  const TimedRow row = pooled({timed(1, 0.02), timed(1.21, 0.03)});
  EXPECT_NEAR(row.ms, 1.1, 1e-12);
  EXPECT_NEAR(row.noise, std::log(1.21) / 2, 1e-12);  // deviation ln 1.21 / √2, over √2
  EXPECT_EQ(pooled({timed(1, 0.02), timed(1, 0.03)}).noise, 0.02);
  EXPECT_TRUE(std::isnan(pooled({timed(1, 0.02), timed(1, nan)}).noise));
}

TEST(PooledRepetitions, LeaveOutDisturbedOnes) {
  TimedRow disturbed = timed(9);
  disturbed.disturbed = true;
  EXPECT_EQ(pooled({disturbed, timed(1)}).ms, 1);
  EXPECT_TRUE(pooled({disturbed, disturbed}).disturbed);
  TimedRow broken = timed(nan, nan);
  broken.status = Status::error;
  EXPECT_EQ(pooled({timed(1), broken}).status, Status::error);
}

}  // namespace
}  // namespace gradepth
