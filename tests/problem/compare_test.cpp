#include "host/problem/compare.h"
#include "kernels/cell/cells.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace gradepth {
namespace {

const FeedForwardProblem problem{.L = 2, .B = 1, .N = 2};

Tensors outputs_of_ones() {
  Tensors out;
  for (const TensorSpec& spec : outputs(problem)) {
    out[spec.name] = Tensor(spec.shape, std::vector<double>(size(spec.shape), 1.0));
  }
  return out;
}

/// The largest distance of all outputs.
double off(const Problem& p, const Tensors& got, const Tensors& want) {
  double largest = 0;
  for (const TensorSpec& spec : outputs(p)) {
    largest = std::max(
        largest, distance(p, spec, got.find(spec.name)->second, want.find(spec.name)->second));
  }
  return largest;
}

TEST(Distance, IsOfTheLargestEntry) {
  const Tensors ones = outputs_of_ones();
  Tensors out = ones;
  EXPECT_EQ(off(problem, out, ones), 0);
  out["dW"].data[3] += 0.25;
  EXPECT_EQ(off(problem, out, ones), 0.25);
  out["dW"].data[1] = 4;
  EXPECT_EQ(off(problem, out, ones), 3);
  EXPECT_EQ(off(problem, ones, out), 0.75);
}

TEST(Distance, MeasuresEachLayerByItself) {
  Tensors truth = outputs_of_ones();
  for (std::size_t i = 0; i < 4; ++i) truth["dW"].data[i] = 1e-20;  // it has vanished there
  Tensors out = truth;
  out["dW"].data[0] = 1.1e-20;
  EXPECT_NEAR(off(problem, out, truth), 0.1, 1e-12);
}

/// Where H or H - 1 is T, db [H] is one tensor all the same: an entry that cancelled is no step.
TEST(Distance, SizesThatEqualEachOtherAreNoSteps) {
  for (const std::int64_t H : {4, 5}) {
    for (const CellInfo& cell : gate_cells) {
      const RecurrentProblem net{.cell = cell, .T = 4, .B = H, .H = H, .record = true};
      Tensors truth;
      for (const TensorSpec& spec : outputs(net)) {
        const bool weights = spec.name == "dWh" || spec.name == "dWx" || spec.name == "db";
        const bool one_state = spec.name == "dh0" || spec.name == "dc0";
        EXPECT_EQ(spec.by_step, !weights && !one_state) << cell.name << ' ' << spec.name;
        truth[spec.name] = Tensor(spec.shape, std::vector<double>(size(spec.shape), 1.0));
      }
      truth["db"].data[1] = 1e-9;
      truth["dWh"].data[1] = 1e-9;
      Tensors out = truth;
      out["db"].data[1] = 2e-9;
      out["dWh"].data[1] = 2e-9;
      EXPECT_NEAR(off(net, out, truth), 1e-9, 1e-15) << cell.name;
      // A step is one: its own largest entry counts.
      for (std::size_t i = 0; i < truth["da"].stride(); ++i) truth["da"].data[i] = 1e-9;
      out["da"] = truth["da"];
      out["da"].data[0] = 2e-9;
      EXPECT_NEAR(off(net, out, truth), 1, 1e-12) << cell.name;
    }
  }
  for (const TensorSpec& spec :
       outputs(RecurrentProblem{.T = 4, .project_input = false, .share = false})) {
    if (spec.name == "dWh" || spec.name == "db") {
      EXPECT_TRUE(spec.by_step);
    }
  }
}

TEST(Distance, NeedsTheSameNumbersToBeFinite) {
  for (const double bad : {double{NAN}, double{INFINITY}}) {
    Tensors out = outputs_of_ones();
    out["y"].data[0] = bad;
    EXPECT_EQ(off(problem, out, outputs_of_ones()), INFINITY);
    EXPECT_EQ(off(problem, outputs_of_ones(), out), INFINITY);
    EXPECT_EQ(off(problem, out, out), 0);
  }
  Tensors short_one = outputs_of_ones();
  short_one["y"] = Tensor();
  EXPECT_EQ(off(problem, short_one, outputs_of_ones()), INFINITY);
}

TEST(Distance, ForgivesWhatLiesBelowTheSmallestNormalNumber) {
  Tensors truth = outputs_of_ones();
  for (double& x : truth["dh0"].data) x = 1e-45;
  Tensors out = truth;
  for (double& x : out["dh0"].data) x = 0;
  EXPECT_EQ(off(problem, out, truth), 0);
}

/// Beside each slope: the right ones pass, whatever their size; what lost its digits does not.
TEST(CompareSlopes, HoldsTailsToTheirOwnSize) {
  const Tensor x({1, 3}, {0.5, -3, -5});
  const Tensor dy({1, 3}, {1, -2, 1});
  const Tensor slopes({1, 3}, {0.8673699, 2 * 0.0115837, -1.546e-6});  // mpmath, gelu_tanh
  const ActivationProblem gelu{.act = "gelu_tanh", .rows = 1, .cols = 3};
  const Tensors in{{"x", x}, {"dy", dy}};
  Tensor got = slopes;
  for (double& slope : got.data) slope *= 1 + 0x1p-21;  // some roundings of float
  EXPECT_TRUE(compare_slopes(gelu, in, got, slopes).ok);
  got.data[2] = -2.011e-6;
  const Comparison lost = compare_slopes(gelu, in, got, slopes);
  EXPECT_FALSE(lost.ok);
  EXPECT_NEAR(lost.error, 0.3, 0.05);
  EXPECT_NE(lost.describe().find("of its own size"), std::string::npos) << lost.describe();
}

/// Where f' is 0 nothing may come out, however small, whatever the other entries are.
TEST(CompareSlopes, HoldsZeroToZero) {
  const ActivationProblem relu{.act = "relu", .rows = 1, .cols = 3};
  const Tensors in{{"x", Tensor({1, 3}, {-1, 2, 3})}, {"dy", Tensor({1, 3}, {1, 1, 1})}};
  const Tensor want({1, 3}, {0, 1, 1});
  EXPECT_TRUE(compare_slopes(relu, in, want, want).ok);
  EXPECT_FALSE(compare_slopes(relu, in, Tensor({1, 3}, {1e-7, 1, 1}), want).ok);
  EXPECT_FALSE(compare_slopes(relu, in, Tensor({1, 3}, {0, 1, 1.1}), want).ok);
}

/// Results of 16 bits may be the neighbours of the right ones.
TEST(CompareSlopes, AllowNeighboursInSixteenBits) {
  const ActivationProblem tanh{
      .act = "tanh", .rows = 1, .cols = 1, .slope = SlopeFrom::input, .dtype = Dtype::f16};
  const Tensors in{{"x", Tensor({1, 1}, {4.6})}, {"dy", Tensor({1, 1}, {1})}};
  const Tensor want({1, 1}, {round_to(Dtype::f16, 4.0408e-4)});
  Tensor got = want;
  got.data[0] *= 1 + 0x1p-10;
  EXPECT_TRUE(compare_slopes(tanh, in, got, want).ok);
  got.data[0] *= 1 + 0x1p-8;
  EXPECT_FALSE(compare_slopes(tanh, in, got, want).ok);
}

}  // namespace
}  // namespace gradepth
