#include "host/growth/studies/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "bench/tables/sweep.h"
#include "host/device/threads.h"
#include "host/growth/study/row.h"

namespace gradepth::growth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string complaint(std::string_view text, const GrowthSpec& spec = {}) {
  try {
    (void)sweep_cells(spec, parse_sweep(text));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

TEST(GrowthSweep, AxesIncludeBothEnds) {
  const std::vector<SweepAxis> axes = parse_sweep("gain=0.5:1.2:0.1,depth=10:30:10,bias=0:0:1");
  ASSERT_EQ(axes.size(), 3U);
  EXPECT_EQ(axes[0].key, "gain");
  EXPECT_THAT(axes[0].values, ElementsAre(0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2));
  EXPECT_THAT(axes[1].values, ElementsAre(10, 20, 30));
  EXPECT_THAT(axes[2].values, ElementsAre(0));
  EXPECT_EQ(parse_sweep("gain=0.1:3:0.1")[0].values.size(), 30U);
  EXPECT_THAT(parse_sweep("gain=1:2:0.3")[0].values, ElementsAre(1, 1.3, 1.6, 1.9));
}

TEST(GrowthSweep, ValuesAreTheDecimalOnesOfAnySize) {
  EXPECT_THAT(parse_sweep("h0=1e-14:3e-14:1e-14")[0].values, ElementsAre(1e-14, 2e-14, 3e-14));
  EXPECT_THAT(parse_sweep("gain=1e300:2e300:5e299")[0].values, ElementsAre(1e300, 1.5e300, 2e300));
  EXPECT_THAT(parse_sweep("gain=5e-324:1.5e-323:5e-324")[0].values,
              ElementsAre(5e-324, 1e-323, 1.5e-323));
  EXPECT_THAT(parse_sweep("gain=0.123456789012345:1:0.5")[0].values,
              ElementsAre(0.123456789012345, 0.623456789012345));
  EXPECT_THAT(parse_sweep("gain=1.5e1:16:+.5")[0].values, ElementsAre(15, 15.5, 16));
  EXPECT_THAT(parse_sweep("depth=010:030:010")[0].values, ElementsAre(10, 20, 30));
}

TEST(GrowthSweep, BadInputSaysWhatIsAllowed) {
  for (const char* text : {"", "gain", "gain=1", "gain=1:2", "gain=a:2:1", "gain=1:2:nan",
                           "gain=1:inf:1", "gain=1:2:1,", "=1:2:1", "gain:1=2:3"}) {
    EXPECT_THAT(complaint(text), HasSubstr("--sweep")) << text;
  }
  EXPECT_THAT(complaint("gain=2:1:1"), HasSubstr("FROM no larger than TO"));
  EXPECT_THAT(complaint("gain=1:2:-1"), HasSubstr("STEP above 0"));
  EXPECT_THAT(complaint("gain=0:1:1e-9"), HasSubstr("at most"));
  EXPECT_THAT(complaint("gain=0:1:0.001,bias=0:1:0.0001"), HasSubstr("at most"));
  EXPECT_THAT(complaint("rank=1:2:1"), HasSubstr("KEY one of gain"));
  EXPECT_THAT(complaint("gain=1:2:1,gain=1:2:1"), HasSubstr("each KEY once"));
  EXPECT_THAT(complaint("depth=1:2:0.5"), HasSubstr("whole numbers"));
  EXPECT_THAT(complaint("density=0:1:0.5"), HasSubstr("above 0"));
  EXPECT_THAT(complaint("gain=0x1:2:1"), HasSubstr("--sweep"));
  // What an mlp has none of.
  for (const char* text : {"input=0:1:0.5", "forget-bias=0:2:1"}) {
    EXPECT_THAT(complaint(text), HasSubstr("it changes nothing about mlp")) << text;
  }
  GrowthSpec additive;
  additive.net = "additive";
  additive.init.W = {WeightInit::Kind::constant, 0.5, {}};
  for (const char* text : {"bias=0:1:0.5", "density=0.5:1:0.5", "forget-bias=0:2:1"}) {
    EXPECT_THAT(complaint(text, additive), HasSubstr("it changes nothing about additive")) << text;
  }
  for (const char* text : {"gain=-1:1:1", "bias=-1:1:1", "h0=-1:1:1"}) {
    EXPECT_THAT(complaint(text), HasSubstr("standard deviations")) << text;
  }
  GrowthSpec identity;
  identity.init.W.kind = WeightInit::Kind::identity;
  EXPECT_EQ(complaint("gain=-1:1:1", identity), "nothing");
  GrowthSpec he;
  he.init.W.kind = WeightInit::Kind::he;
  EXPECT_THAT(complaint("gain=1:2:1", he), HasSubstr("--init"));
}

TEST(GrowthSweep, CellsAreTheStudiesOfTheirOwn) {
  GrowthSpec spec;
  spec.width = 9;
  spec.depth = 11;
  spec.seeds = 3;
  spec.dtype = Dtype::f64;
  const std::vector<SweepCell> cells = sweep_cells(spec, parse_sweep("gain=0.5:2:0.5,depth=3:9:3"));
  ASSERT_EQ(cells.size(), 12U);
  EXPECT_EQ(cells[1].spec.depth, 6);  // the last axis is the fastest
  EXPECT_EQ(cells[3].spec.init.W.scale, 1.0);
  const Providers providers = make_providers({.threads = 1});
  Provider& reference = *find(providers, "reference");
  std::vector<std::size_t> order;
  const auto compare = [&](std::size_t i, const GrowthResult& result) {
    order.push_back(i);
    const GrowthSpec& alone = cells[i].spec;
    EXPECT_EQ(row(alone, result).dump(), row(alone, measure_growth(alone, reference)).dump());
  };
  run_sweep(cells, reference, compare);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(GrowthSweep, ARefusedCellIsARow) {
  GrowthSpec spec;
  spec.activation = "relu";  // no stable fixed point from σ_w² = 2 on
  spec.width = 5;
  spec.depth = 3;
  spec.seeds = 1;
  spec.init.bias = {ValueInit::Kind::gaussian, 0.5};
  spec.h0_fixed_point = true;
  const Providers providers = make_providers({.threads = 1});
  std::vector<Status> status;
  run_sweep(sweep_cells(spec, parse_sweep("gain=1:2:1")), *find(providers, "cpu"),
            [&](std::size_t, const GrowthResult& result) {
              status.push_back(result.status);
              EXPECT_THAT(result.reason,
                          HasSubstr(result.status == Status::ok ? "" : "fixed-point"));
            });
  EXPECT_THAT(status, ElementsAre(Status::ok, Status::unsupported));
}

TEST(GrowthSweep, WhatTheReportThrowsEndsIt) {
  const Providers providers = make_providers({.threads = 1});
  GrowthSpec spec;
  spec.width = 4;
  spec.depth = 2;
  int reports = 0;
  EXPECT_THROW(run_sweep(sweep_cells(spec, parse_sweep("gain=1:50:1")), *find(providers, "cpu"),
                         [&](std::size_t, const GrowthResult&) {
                           if (++reports == 3) throw std::runtime_error("full");
                         }),
               std::runtime_error);
  EXPECT_EQ(reports, 3);
}

nlohmann::ordered_json cell(double gain, double bias, double total) {
  return {{"status", "ok"},
          {"verdict", "exploding"},
          {"total", {{"value", total}}},
          {"theory", {{"critical_sigma", 1.5}}},
          {"sweep", {{"gain", gain}, {"bias", bias}}}};
}

TEST(GrowthSweep, MapHasASignPerCellAndTheCriticalGain) {
  const std::vector<SweepAxis> axes = parse_sweep("gain=1:3:1,bias=0:1:1");
  std::ostringstream out;
  print_sweep(out, axes,
              {cell(1, 0, -9), cell(1, 1, -3), cell(2, 0, 0), cell(2, 1, 3), cell(3, 0, 9),
               nlohmann::ordered_json::object()});
  EXPECT_THAT(out.str(), HasSubstr("1 -|+ ? \n"));
  EXPECT_THAT(out.str(), HasSubstr("0 =|. * \n"));
}

}  // namespace
}  // namespace gradepth::growth
