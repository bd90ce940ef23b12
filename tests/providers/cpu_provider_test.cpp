#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "host/draw/initialise.h"
#include "host/problem/judge.h"
#include "host/providers/factories.h"
#include "host/providers/provider.h"
#include "host/text/not_finite.h"

/// What is special to the cpu provider; every provider on every workload is registry_test.cpp's.
namespace gradepth {
namespace {

PlanPtr plan(const Problem& problem, int threads) {
  const auto provider = make_cpu_provider({.threads = threads});
  return std::get<PlanPtr>(provider->plan(problem));
}

/// Numbers without a pattern that a permutation or a wrong offset would keep.
Tensor waves(const Shape& shape, double scale = 1) {
  Tensor tensor(shape);
  for (std::size_t i = 0; i < tensor.size(); ++i) {
    const auto x = static_cast<double>(i);
    tensor.data[i] = static_cast<float>(scale * (std::sin(1.7 * x) + 0.5 * std::cos(0.013 * x)));
  }
  return tensor;
}
Tensors waves_for(const Problem& problem) {
  Tensors in;
  double scale = 0.3;
  for (const TensorSpec& spec : inputs(problem)) {
    in.emplace(spec.name, waves(spec.shape, scale));
    scale += 0.07;
  }
  return in;
}

void expect_equal_on_any_threads(const Problem& problem) {
  const Tensors in = waves_for(problem);
  const PlanPtr one = plan(problem, 1);
  one->set(in);
  one->run();
  for (const int threads : {2, 3, 5}) {
    const PlanPtr many = plan(problem, threads);
    many->set(in);
    many->run();
    for (const TensorSpec& spec : outputs(problem)) {
      EXPECT_EQ(many->get(spec.name).data, one->get(spec.name).data)
          << name(problem) << ' ' << spec.name << " on " << threads << " threads";
    }
  }
}

TEST(CpuProvider, ClipIsBitwiseTheSameOnAnyThreads) {
  expect_equal_on_any_threads(ClipProblem{.sizes = {1, 100000, 0, 7, 65536}, .threshold = 0.1});
}

TEST(CpuProvider, BiasGradientIsBitwiseTheSameOnAnyThreads) {
  expect_equal_on_any_threads(
      ActivationProblem{.act = "gelu", .rows = 301, .cols = 1500, .bias_gradient = true});
}

TEST(CpuProvider, ClipLeavesWhatItShould) {
  const ClipProblem problem{.sizes = {3, 2}, .threshold = 10};
  const PlanPtr p = plan(problem, 2);

  const Tensor small({5}, {1, -2, 3, -4, 0.5});
  p->set({{"g", small}});
  p->run();
  EXPECT_EQ(p->get("g").data, small.data);
  EXPECT_NEAR(p->get("norm").data[0], std::sqrt(30.25), 1e-12);
  EXPECT_EQ(p->get("skipped").data[0], 0);

  const Tensor bad({5}, {1, -2, infinity, -4, 100});
  p->set({{"g", bad}});
  p->run();
  EXPECT_EQ(p->get("g").data, bad.data);
  EXPECT_EQ(p->get("skipped").data[0], 1);
}

TEST(CpuProvider, ClipSurvivesNumbersWhoseSquaresOverflow) {
  const PlanPtr p = plan(ClipProblem{.sizes = {2}, .threshold = 5}, 1);
  p->set({{"g", Tensor({2}, {3e38, -1e38})}});
  p->run();
  const auto largest = static_cast<double>(3e38F);
  const auto other = static_cast<double>(1e38F);
  const double norm = std::hypot(largest, other);
  EXPECT_NEAR(p->get("norm").data[0] / norm, 1, 1e-14);
  // One rounding to float32, whose half spacing is 2^-24.
  EXPECT_NEAR(p->get("g").data[0], 5 * largest / norm, 5 * 0x1p-24);
  EXPECT_NEAR(p->get("g").data[1], -5 * other / norm, 5 * 0x1p-24);
}

TEST(CpuProvider, RestorePutsClippedTensorsBack) {
  const ClipProblem problem{.sizes = {40000}, .threshold = 0.5};
  const PlanPtr p = plan(problem, 2);
  const Tensors in{{"g", waves({40000})}};
  p->set(in);
  p->run();
  const Tensor clipped = p->get("g");
  EXPECT_NE(clipped.data, in.at("g").data);
  p->restore();
  EXPECT_EQ(p->get("g").data, in.at("g").data);
  p->run();
  EXPECT_EQ(p->get("g").data, clipped.data);
}

class AgainstReference : public testing::TestWithParam<Problem> {};

TEST_P(AgainstReference, Agrees) {
  const Problem& problem = GetParam();
  const Judge judge(problem, waves_for(problem));
  // Some threads divide the batch, others the units of a recurrent net.
  for (const int threads : {1, 2, 4}) {
    const PlanPtr p = plan(problem, threads);
    p->set(judge.inputs());
    p->run();
    p->run();  // a second run must not add to the first
    const Comparison result = judge.compare(*p);
    EXPECT_TRUE(result.ok) << name(problem) << ' ' << threads << " threads: " << result.describe();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cells, AgainstReference,
    testing::Values(
        // More than one panel, the last one partly filled; batches around the register tile.
        RecurrentProblem{.T = 5, .B = 7, .H = 100, .record = true},
        RecurrentProblem{.T = 5, .B = 1, .H = 129},
        RecurrentProblem{.T = 3, .B = 17, .H = 65, .I = 4, .clip_value = 0.05},
        RecurrentProblem{.T = 4, .B = 9, .H = 70, .project_input = false, .share = false},
        RecurrentProblem{.cell = "lstm", .T = 4, .B = 9, .H = 70, .record = true},
        RecurrentProblem{.cell = "lstm", .T = 3, .B = 2, .H = 33, .clip_value = 0.05},
        RecurrentProblem{.cell = "gru", .T = 4, .B = 9, .H = 70, .I = 3, .record = true},
        RecurrentProblem{.cell = "gru", .T = 3, .B = 2, .H = 33, .project_input = false}));

INSTANTIATE_TEST_SUITE_P(
    Images, AgainstReference,
    // Every tap and channel has its own weight, so that a pixel taken from the wrong side of the
    // torus or a swapped channel shows.
    testing::Values(
        FeedForwardProblem{.net = LayerNet::cnn, .L = 1, .B = 2, .N = 5, .record = true},
        FeedForwardProblem{.net = LayerNet::cnn, .act = "silu", .L = 3, .B = 2, .N = 4}));

TEST(CpuProvider, FlushesSubnormalsWhenAsked) {
  const ActivationProblem problem{.act = "tanh", .rows = 4, .cols = 1024};  // each thread's tiles
  Tensors in = waves_for(problem);
  in.at("dy").data.assign(4096, 1e-40);
  for (const bool flush : {false, true}) {
    const auto provider = make_cpu_provider({.threads = 2, .flush_subnormals = flush});
    const PlanPtr p = std::get<PlanPtr>(provider->plan(problem));
    p->set(in);
    p->run();
    const Tensor dx = p->get("dx");
    EXPECT_EQ(dx.data.at(5) == 0, flush);
    EXPECT_EQ(dx.data.at(4090) == 0, flush);
  }
  // Afterwards this thread computes as before.
  const volatile float tiny = 1e-38F;
  EXPECT_GT(tiny * 0.1F, 0.0F);
}

TEST(CpuProvider, RefusesOtherFormats) {
  const auto provider = make_cpu_provider({});
  const Planned planned = provider->plan(ActivationProblem{.dtype = Dtype::f16});
  EXPECT_EQ(std::get<Unsupported>(planned).reason, "cpu: f32 only");
}

}  // namespace
}  // namespace gradepth
