#include <gtest/gtest.h>

#include "bench/speed/speed.h"

namespace gradepth {
namespace {

/// The row of the provider cpu, one small backward pass, under these limits.
Row row_under(Limits& limits) {
  const Providers providers = make_providers({});
  const Workload workload{ActivationProblem{.act = "tanh", .rows = 128, .cols = 128}, {}};
  const MeasureOptions options{.min_seconds = 0.005, .max_seconds = 0.1};
  return measure_speed(workload, {find(providers, "cpu")}, limits, options, 1).at(0);
}

/// A byte and an operation per second, for the working set of that pass.
Limits absurd() { return {{{3.0 * 128 * 128 * sizeof(float), 1}}, 1}; }

TEST(SpeedRows, LimitsThatARowExceedsAreMeasuredAgain) {
  Limits limits = absurd();
  const Row row = row_under(limits);
  ASSERT_EQ(row["status"], "ok") << row["reason"];
  EXPECT_GE(limits.improved, 1);
  EXPECT_GT(limits.flops_per_second, 1e8);
  EXPECT_GT(limits.bandwidth[0].bytes_per_second, 1e8);
  if (row["of_limit"].is_null()) {  // beside other programs the limits may stay too low
    EXPECT_EQ(limits.improved, 4);
    EXPECT_NE(row["of_limit_reason"], "");
  } else {
    EXPECT_LE(row["of_limit"], 1.05);
    EXPECT_EQ(row["of_limit_reason"], "");
  }
}

TEST(SpeedRows, ALimitThatStaysTooLowGivesNoShare) {
  Limits limits = absurd();
  limits.improved = 4;  // as often as it is done
  const Row row = row_under(limits);
  EXPECT_TRUE(row["of_limit"].is_null());
  EXPECT_NE(row["of_limit_reason"], "");
  EXPECT_GT(row["ms"], 0);
  EXPECT_GT(row["limit_ms"], row["ms"]);
}

TEST(SpeedRows, SayHowTheyWereTimed) {
  Limits limits{{{1e3, 1e15}}, 1e15};
  const Row row = row_under(limits);
  EXPECT_TRUE(row["disturbed"].is_boolean());
  EXPECT_GE(row["blocks"], 1);
  EXPECT_GE(row["samples"], row["blocks"]);
  EXPECT_GE(row["preempted"], 0);
  EXPECT_LE(row["ms_min"], row["ms_lower"]);
  EXPECT_LE(row["ms_lower"], row["ms_upper"]);
  ASSERT_TRUE(row["noise"].is_null() || row["noise"].is_number());
  if (row["blocks"] >= 5) {
    EXPECT_GE(row["noise"], least_noise);
  }
}

}  // namespace
}  // namespace gradepth
