// Limits that our kernels must keep, as the meter counts them; and that wrong results are not
// counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bench/meter/metered.h"
#include "tests/meter/known_kernels.h"

namespace gradepth {
namespace {

using ::testing::HasSubstr;

/// Calls f(case, counts) for the cases whose name begins so; at least one must be there, and all
/// must be right.
template <class F>
void for_each_case(const std::string& prefix, F f) {
  int found = 0;
  for (const Case& which : meter_cases()) {
    if (!which.name.starts_with(prefix)) continue;
    ++found;
    SCOPED_TRACE(which.name);
    const Metered metered = run_case(which, {});
    ASSERT_EQ(metered.status, Status::ok) << metered.reason;
    f(which, metered);
  }
  EXPECT_GT(found, 0) << prefix;
}

double bytes_per_unit(const Case& which, const Metered& metered) {
  return static_cast<double>(metered.bytes()) / which.units;
}

TEST(Limits, ActivationsMoveTheFloorInWholeSectors) {
  for (const auto* const pass : {"activation/forward/", "activation/backward/"}) {
    for_each_case(pass, [](const Case& which, const Metered& metered) {
      EXPECT_LE(metered.bytes(), 1.01 * which.floor_bytes);
      EXPECT_EQ(metered.sector_efficiency(), 1);
      EXPECT_EQ(metered.launches.size(), 1U);
      EXPECT_EQ(metered.conflicts(), 0U);
    });
  }
  constexpr std::pair<const char*, double> bytes_of[] = {{"f32", 12}, {"f16", 6}, {"bf16", 6}};
  for (const auto& [dtype, floor] : bytes_of) {
    for_each_case(std::string("activation/backward/tanh/") + dtype,
                  [bytes = floor](const Case& which, const Metered& metered) {
                    EXPECT_NEAR(bytes_per_unit(which, metered), bytes, 0.01 * bytes);
                  });
  }
}

TEST(Limits, BiasGradientAndCountAddNextToNothing) {
  for_each_case("activation/bias_saturated/", [](const Case& which, const Metered& metered) {
    EXPECT_LE(metered.bytes(), 1.01 * which.floor_bytes);
    EXPECT_GE(metered.sector_efficiency(), 0.95);
    EXPECT_EQ(metered.conflicts(), 0U);
  });
}

TEST(Limits, ClipPassesOverTheGradientAsOftenAsItMust) {
  for_each_case("clip/norm/on-chip/f32", [](const Case& which, const Metered& metered) {
    EXPECT_LE(bytes_per_unit(which, metered), 8.1);
    EXPECT_EQ(metered.launches.size(), 1U);
  });
  for_each_case("clip/norm/two-pass/f32", [](const Case& which, const Metered& metered) {
    EXPECT_LE(bytes_per_unit(which, metered), 12.1);
  });
  for_each_case("clip/norm/not-triggered/f32", [](const Case& which, const Metered& metered) {
    EXPECT_LE(bytes_per_unit(which, metered), 4.1);
  });
  for_each_case("clip/value/f32", [](const Case& which, const Metered& metered) {
    EXPECT_LE(bytes_per_unit(which, metered), 8.1);
  });
  for_each_case("clip/", [](const Case& which, const Metered& metered) {
    EXPECT_LE(metered.bytes(), 1.025 * which.floor_bytes);
    EXPECT_GE(metered.sector_efficiency(), 0.95);
    EXPECT_EQ(metered.conflicts(), 0U);
  });
}

TEST(Limits, PersistentRecurrencesLoadWOnceAndWaitOnceAStep) {
  for (const std::string cell : {"elman", "gru", "lstm"}) {
    for (const std::string pass : {"forward", "bptt"}) {
      std::string name = "recurrent/";
      name.append(cell).append("/").append(pass);
      for_each_case(name + "/persistent/", [&](const Case& which, const Metered& metered) {
        EXPECT_GE(static_cast<double>(metered.loaded("W")), which.weights_bytes);
        EXPECT_LE(static_cast<double>(metered.loaded("W")), 1.02 * which.weights_bytes);
        ASSERT_EQ(metered.launches.size(), 1U);
        EXPECT_GT(metered.launches[0].blocks, 1U);
        EXPECT_EQ(metered.conflicts(), 0U);
        // T = 8; backward, dL/dh_0 needs one more.
        EXPECT_EQ(metered.grid_barriers(), pass == "bptt" ? 8U : 7U);
      });
      for_each_case(name + "/small/", [](const Case& which, const Metered& metered) {
        ASSERT_EQ(metered.launches.size(), 1U);
        const auto blocks = static_cast<double>(metered.launches[0].blocks);
        EXPECT_EQ(static_cast<double>(metered.loaded("W")), blocks * which.weights_bytes);
        EXPECT_EQ(metered.grid_barriers(), 0U);
      });
    }
  }
}

/// That it has the same row on every schedule is held by command_test.py.
TEST(Limits, EveryCaseIsRightOnARandomSchedule) {
  for (const Case& which : meter_cases()) {
    const nlohmann::json row =
        meter_row(which, run_case(which, {.schedule = 3, .workers = 2}), 1, gpus());
    EXPECT_EQ(row["status"], "ok") << row["reason"];
  }
}

/// A case of one kernel of the tests: y = x, with a stride or an offset.
Case copy_case(int stride, int offset, double expected) {
  return {.name = "copy",
          .dtype = "f32",
          .unit = "element",
          .units = 1024,
          .floor_bytes = 8192,
          .floor_formula = "8",
          .run = [=](gradepth::Run& run) {
            const Array x = run.normal("x", 8192 + 8);
            const Array y = run.array("y", 1024);
            known::copy(1024, stride, offset, x.data(), y.data(), run.stream());
            for (std::size_t i = 0; i < y.size(); ++i) {
              run.compare("y", i, y[i], expected * x[i * static_cast<std::size_t>(stride)], 1e-6);
            }
          }};
}

TEST(Limits, WouldSeeAPlantedInefficiency) {
  EXPECT_EQ(run_case(copy_case(1, 0, 1), {}).sector_efficiency(), 1);
  const Metered strided = run_case(copy_case(8, 0, 1), {});
  EXPECT_EQ(strided.status, Status::ok);
  EXPECT_EQ(strided.loads().sectors, 8 * strided.loads().least_sectors);
  EXPECT_LT(strided.sector_efficiency(), 0.25);
}

TEST(RunCase, CountsNothingWhereAResultIsWrong) {
  const Case wrong = copy_case(1, 0, 2);
  const Metered metered = run_case(wrong, {});
  EXPECT_EQ(metered.status, Status::incorrect);
  EXPECT_THAT(metered.reason, HasSubstr("y[0]"));
  const auto row = meter_row(wrong, metered, 1, gpus());
  EXPECT_FALSE(row.contains("bytes"));
  EXPECT_FALSE(row.contains("model_us"));
}

TEST(RunCase, RefusesAKernelThatLeavesItsBuffers) {
  Case stray = copy_case(1, 0, 1);
  stray.run = [](gradepth::Run& run) {
    const std::vector<float> x(1024, 1.F);  // without a name
    const Array y = run.array("y", 1024);
    known::copy(1024, 1, 0, x.data(), y.data(), run.stream());
  };
  EXPECT_EQ(run_case(stray, {}).status, Status::error);
  EXPECT_THAT(run_case(stray, {}).reason, HasSubstr("outside"));
  stray.run = [](gradepth::Run&) { throw std::runtime_error("no such thing"); };
  EXPECT_EQ(run_case(stray, {}).reason, "no such thing");
}

TEST(RunCase, ReadsNaNAsWrong) {
  Case silent = copy_case(1, 0, 1);
  silent.run = [](gradepth::Run& run) {
    const Array y = run.array("y", 1);  // nobody writes it
    run.compare("y", 0, y[0], 0, 1);
  };
  EXPECT_EQ(run_case(silent, {}).status, Status::incorrect);
}

}  // namespace
}  // namespace gradepth
