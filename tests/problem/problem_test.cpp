#include "host/problem/problem.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "bench/workloads.h"

namespace gradepth {
namespace {

TEST(Problem, SlopesComeFromElsewhereWhereThereIsAChoice) {
  const auto asks = [](const Problem& p) {
    return asks_for_input_slopes(with_slopes(p, SlopeFrom::input));
  };
  EXPECT_TRUE(asks(RecurrentProblem{}));
  EXPECT_TRUE(asks(FeedForwardProblem{.act = "sigmoid"}));
  EXPECT_FALSE(asks(FeedForwardProblem{.act = "gelu"}));
  EXPECT_FALSE(asks(ActivationProblem{.pass = ActivationPass::forward}));
  EXPECT_FALSE(asks(RecurrentProblem{.cell = "additive", .act = "identity"}));
  EXPECT_FALSE(asks(ClipProblem{.sizes = {4}}));
}

TEST(Problem, NamesSayWhatIsRun) {
  EXPECT_EQ(name(RecurrentProblem{.T = 64, .B = 32, .H = 512}),
            "recurrent/elman/tanh/f32/T64_B32_H512");
  EXPECT_EQ(name(RecurrentProblem{.cell = "lstm",
                                  .T = 2,
                                  .B = 1,
                                  .H = 3,
                                  .pass = Pass::forward,
                                  .project_input = false,
                                  .dtype = Dtype::f64}),
            "recurrent/lstm/tanh/f64/T2_B1_H3_recurrence_forward");
  EXPECT_EQ(name(ActivationProblem{.act = "relu", .rows = 2, .cols = 3, .bias_gradient = true}),
            "activation/relu/backward/f32/R2_C3_bias");
  EXPECT_EQ(
      name(ActivationProblem{.rows = 2, .cols = 3, .count_saturated = true, .dtype = Dtype::f16}),
      "activation/tanh/backward/f16/R2_C3_saturated");
  EXPECT_EQ(name(ClipProblem{.sizes = {1, 0, 7}, .threshold = 0.5}), "clip/norm/f32/N1+0+7_at0.5");
  EXPECT_EQ(name(ClipProblem{.sizes = {3, 3, 2}, .threshold = 1e-7}),
            "clip/norm/f32/N8_K3_at1e-07");
  EXPECT_EQ(name(ClipProblem{.threshold = 1.0000001}), "clip/norm/f32/N0_K0_at1.0000001");
  EXPECT_EQ(name(ClipProblem{.mode = "agc",
                             .sizes = {6, 0, 7},
                             .units = {3, 1, 1},
                             .sgd = true,
                             .dtype = Dtype::bf16}),
            "clip/agc/bf16/N6+0+7_U3+1+1_at1_sgd0.01_momentum0.9");
  EXPECT_EQ(name(ClipProblem{.mode = "tensor", .sizes = {6}, .route = ClipRoute::on_chip}),
            "clip/tensor/f32/N6_K1_at1_on_chip");
  EXPECT_EQ(name(FeedForwardProblem{
                .net = LayerNet::residual, .L = 2, .B = 3, .N = 4, .residual = Residual::preact}),
            "feedforward/residual/tanh/f32/L2_B3_N4_preact");
  EXPECT_EQ(name(FeedForwardProblem{.net = LayerNet::residual,
                                    .L = 2,
                                    .B = 3,
                                    .N = 4,
                                    .residual = Residual::scaled,
                                    .residual_scale = -0.5}),
            "feedforward/residual/tanh/f32/L2_B3_N4_scaled-0.5");
  EXPECT_EQ(
      name(ActivationProblem{.rows = 2, .cols = 3, .slope = SlopeFrom::input, .dtype = Dtype::f64}),
      "activation/tanh/backward/f64/R2_C3_input-slope");
}

TEST(Problem, NamesOfWorkloadsAreUnique) {
  for (const char* preset : {"brief", "small", "quick", "full"}) {
    std::set<std::string> names;
    for (const Workload& workload : workloads(preset)) {
      EXPECT_NO_THROW(validate(workload.problem));
      EXPECT_TRUE(names.insert(name(workload.problem)).second) << name(workload.problem);
    }
  }
  EXPECT_THROW(workloads("nope"), std::invalid_argument);
}

TEST(Problem, CostsOfATrainingStep) {
  const RecurrentProblem p{.T = 10, .B = 4, .H = 8};
  // Three products (forward, data, weights) of [T B, H] with [H, H], for W_h and for W_x.
  EXPECT_NEAR(flops(p), 3 * 2.0 * 10 * 4 * 8 * 16 + 9.0 * 10 * 4 * 8, 1e-9);
  EXPECT_EQ(bytes(ActivationProblem{.rows = 10, .cols = 10}), 1200);
  EXPECT_EQ(bytes(ActivationProblem{.rows = 10, .cols = 10, .dtype = Dtype::bf16}), 600);
  EXPECT_EQ(bytes(ClipProblem{.sizes = {100}}), 1200);
  EXPECT_EQ(bytes(ClipProblem{.mode = "value", .sizes = {100}}), 800);
  EXPECT_EQ(bytes(ClipProblem{.sizes = {100}, .route = ClipRoute::on_chip}), 800);
  EXPECT_EQ(bytes(ClipProblem{.mode = "agc", .sizes = {100}}), 1200);
  EXPECT_EQ(bytes(ClipProblem{.mode = "tensor", .sizes = {100}, .sgd = true}), 2400);
  EXPECT_EQ(bytes(ClipProblem{.mode = "value", .sizes = {100}, .sgd = true, .dtype = Dtype::f16}),
            1000);
}

TEST(Problem, RefusesBadSizesAndNamesInOneLine) {
  const Problem bad[] = {
      RecurrentProblem{.T = 0},
      RecurrentProblem{.H = -1},
      RecurrentProblem{.cell = "lstm", .act = "relu"},
      RecurrentProblem{.T = 1'000'000'000, .B = 1'000'000'000, .H = 1'000'000'000},
      FeedForwardProblem{.L = 0},
      ActivationProblem{.rows = 0},
      ClipProblem{.sizes = {-1}},
      ClipProblem{.mode = "agc", .sizes = {6}, .units = {4}},
      ClipProblem{.mode = "agc", .sizes = {6}, .units = {6, 1}},
      ClipProblem{.sizes = {6}, .units = {6}},
      ClipProblem{.mode = "agc", .route = ClipRoute::on_chip},
      ClipProblem{.momentum = 2},
      ClipProblem{.lr = NAN},
      ClipProblem{.threshold = 0}};
  for (const Problem& problem : bad) {
    try {
      validate(problem);
      ADD_FAILURE() << name(problem);
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace gradepth
