// Every way that the provider simt takes recurrent layers through time, against the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/speed/speed.h"
#include "bench/workloads.h"
#include "host/providers/provider.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

using testing::HasSubstr;

/// The small workloads with a recurrent layer.
std::vector<Workload> recurrent_workloads() {
  std::vector<Workload> list;
  for (const Workload& workload : workloads("small")) {
    const auto* p = std::get_if<RecurrentProblem>(&workload.problem);
    // No variant has slopes from the input (host/providers/ours/provider.cpp).
    if (p == nullptr || p->cell == "additive" || asks_for_input_slopes(workload.problem)) continue;
    list.push_back(workload);
  }
  return list;
}

class VariantTest : public testing::TestWithParam<const char*> {
 protected:
  Providers providers_ = make_providers({.variant = parse_variant(GetParam())});
  Provider& simt_ = *find(providers_, "simt");
};

TEST_P(VariantTest, AgreesWithTheReferenceOrSaysWhyNot) {
  int ok = 0;
  for (const Workload& workload : recurrent_workloads()) {
    const Row row = check_workload(workload, {&simt_}, 3).at(0);
    if (row["status"] == "unsupported") {
      const std::string variant = GetParam();
      EXPECT_TRUE(variant == "small" || variant == "persistent") << row.dump();
      EXPECT_THAT(row["reason"].get<std::string>(), HasSubstr(variant + ": "));
    } else {
      EXPECT_EQ(row["status"], "ok") << row.dump();
      ++ok;
    }
  }
  EXPECT_GT(ok, 20);
}

TEST_P(VariantTest, GivesTheSameBitsWhenRunAgain) {
  for (const CellInfo& cell : gate_cells) {
    const Problem problem = RecurrentProblem{.cell = cell, .T = 3, .B = 2, .H = 9, .record = true};
    const PlanPtr plan = std::get<PlanPtr>(simt_.plan(problem));
    plan->set(draw(problem, {}, 3));
    std::map<std::string, Tensor> first;
    for (int run = 0; run < 3; ++run) {
      plan->run();
      for (const TensorSpec& spec : outputs(problem)) {
        if (run == 0) first[spec.name] = plan->get(spec.name);
        EXPECT_EQ(plan->get(spec.name).data, first[spec.name].data) << spec.name;
      }
    }
  }
}

/// The two backward parts make the whole; without the norms all else stays as it is.
TEST_P(VariantTest, PartsAndNorms) {
  for (const CellInfo& cell : gate_cells) {
    RecurrentProblem problem{.cell = cell, .T = 3, .B = 2, .H = 9, .clip_value = 0.1};
    const Tensors in = draw(problem, {}, 5);
    const PlanPtr whole = std::get<PlanPtr>(simt_.plan(problem));
    whole->set(in);
    whole->run();
    problem.norms = false;
    const PlanPtr parts = std::get<PlanPtr>(simt_.plan(problem));
    ASSERT_TRUE(parts->has_parts());
    parts->set(in);
    parts->run_forward();
    parts->run_backward_data();
    parts->run_backward_weights();
    for (const TensorSpec& spec : outputs(problem)) {
      EXPECT_NE(spec.name, "dh_norm2");
      EXPECT_EQ(parts->get(spec.name).data, whole->get(spec.name).data) << cell.name << spec.name;
    }
    EXPECT_THROW((void)parts->get("dh_norm2"), std::invalid_argument);
  }
}

TEST_P(VariantTest, SaysWhichOneItIs) {
  const std::string variant = GetParam();
  const Problem problem = RecurrentProblem{.cell = "gru", .T = 3, .B = 2, .H = 9};
  const std::string detail = std::get<PlanPtr>(simt_.plan(problem))->detail();
  const std::string said = variant == "graph"   ? "forward step by step as a graph"
                           : variant == "steps" ? "forward step by step"
                           : variant == "auto"  ? "forward small"
                                                : "forward " + variant;
  EXPECT_THAT(detail, HasSubstr(said));
}

INSTANTIATE_TEST_SUITE_P(All, VariantTest,
                         testing::Values("auto", "small", "persistent", "steps", "graph"),
                         [](const auto& test) { return std::string(test.param); });

TEST(RecurrentVariants, TheChecksNeedAllOfThem) {
  const Providers providers = make_providers({});
  std::string details;
  for (const Workload& workload : recurrent_workloads()) {
    details += std::get<PlanPtr>(find(providers, "simt")->plan(workload.problem))->detail() + '\n';
  }
  for (const char* cell : {"forward small", "backward small", "forward persistent",
                           "backward persistent", "step by step (a fresh W at every step)",
                           "step by step (the slope of gelu needs its input)"}) {
    EXPECT_THAT(details, HasSubstr(cell));
  }
}

TEST(RecurrentVariants, RefusesAnUnknownOne) {
  EXPECT_THROW((void)parse_variant("bogus"), std::invalid_argument);
}

TEST(RecurrentVariants, RefusesWhatCannotGoThatWay) {
  const auto reason = [](const char* variant, const RecurrentProblem& problem) {
    const Providers providers = make_providers({.variant = parse_variant(variant)});
    return std::get<Unsupported>(find(providers, "simt")->plan(problem)).reason;
  };
  EXPECT_EQ(reason("small", {.H = 64}),
            "small: W of 17 KB and a state do not fit in one block's 5 KB");
  EXPECT_EQ(reason("persistent", {.cell = "lstm", .H = 256}),
            "persistent: W of 1040 KB and a staged vector per block do not fit in 6 x 5 KB");
  EXPECT_EQ(reason("persistent", {.act = "gelu", .H = 8}),
            "persistent: the slope of gelu needs its input");
  EXPECT_EQ(reason("small", {.H = 8, .project_input = false, .share = false}),
            "small: a fresh W at every step");
}

}  // namespace
}  // namespace gradepth
