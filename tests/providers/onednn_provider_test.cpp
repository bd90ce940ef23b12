#include <gtest/gtest.h>

#include <cmath>

#include "host/problem/judge.h"
#include "host/providers/factories.h"
#include "host/providers/provider.h"

/// What is special to the onednn provider: its gates and layouts in our order.
namespace gradepth {
namespace {

/// Every entry differs from its neighbours, so that exchanged gates or axes show.
Tensors distinct_values(const Problem& problem) {
  Tensors in;
  double scale = 0.3;
  for (const TensorSpec& spec : inputs(problem)) {
    Tensor tensor(spec.shape);
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      tensor.data[i] = static_cast<float>(scale * std::sin(1.7 * static_cast<double>(i) + scale));
    }
    in.emplace(spec.name, std::move(tensor));
    scale += 0.07;
  }
  return in;
}

class OnednnAgainstReference : public testing::TestWithParam<Problem> {};

TEST_P(OnednnAgainstReference, Agrees) {
  const Problem& problem = GetParam();
  const Judge judge(problem, distinct_values(problem));
  const PlanPtr p = std::get<PlanPtr>(make_onednn_provider({.threads = 2})->plan(problem));
  p->set(judge.inputs());
  p->run();
  p->run();  // a second run must not add to the first
  const Comparison result = judge.compare(*p);
  EXPECT_TRUE(result.ok) << name(problem) << ": " << result.describe();
}

INSTANTIATE_TEST_SUITE_P(
    Nets, OnednnAgainstReference,
    testing::Values(
        RecurrentProblem{.T = 4, .B = 3, .H = 20, .I = 7},
        RecurrentProblem{.act = "relu", .T = 4, .B = 1, .H = 16},
        RecurrentProblem{.cell = "lstm", .T = 4, .B = 3, .H = 20, .I = 7},
        RecurrentProblem{.cell = "gru", .T = 4, .B = 3, .H = 20, .I = 7},
        FeedForwardProblem{.L = 3, .B = 5, .N = 20, .record = true},
        FeedForwardProblem{
            .net = LayerNet::residual, .L = 3, .B = 5, .N = 20, .residual = Residual::preact},
        FeedForwardProblem{.net = LayerNet::residual,
                           .L = 3,
                           .B = 5,
                           .N = 20,
                           .residual = Residual::scaled,
                           .residual_scale = 0.4},
        FeedForwardProblem{.net = LayerNet::cnn, .L = 2, .B = 2, .N = 5, .record = true},
        FeedForwardProblem{.net = LayerNet::cnn, .L = 2, .B = 2, .N = 32}));

TEST(OnednnProvider, SeesNoGradientInsideItsRnn) {
  const RecurrentProblem problem{.T = 2, .B = 1, .H = 4};
  const PlanPtr p = std::get<PlanPtr>(make_onednn_provider({})->plan(problem));
  p->set(distinct_values(problem));
  p->run();
  EXPECT_TRUE(p->get("dh_norm2").data.empty());
}

TEST(OnednnProvider, SaysWhyItRefuses) {
  const auto provider = make_onednn_provider({});
  const auto reason = [&](const Problem& problem) {
    return std::get<Unsupported>(provider->plan(problem)).reason;
  };
  EXPECT_EQ(reason(ActivationProblem{.act = "selu"}), "oneDNN 2.6 has no selu");
  EXPECT_EQ(reason(RecurrentProblem{.project_input = false}),
            "oneDNN's RNN always includes the input product");
  EXPECT_EQ(reason(RecurrentProblem{.cell = "additive", .act = "identity"}),
            "oneDNN has no additive cell");
  EXPECT_EQ(reason(ClipProblem{.sizes = {4}}), "oneDNN has no gradient clipping");
}

}  // namespace
}  // namespace gradepth
