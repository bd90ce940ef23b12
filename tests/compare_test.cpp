#include "host/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace gradepth {
namespace {

/// A plan whose outputs are given.
class FixedPlan final : public Plan {
 public:
  explicit FixedPlan(Tensors out) : out_(std::move(out)) {}
  void set(const Tensors& /*in*/) override {}
  void run() override {}
  Tensor get(std::string_view name) override { return out_.find(name)->second; }
  Tensors out_;
};

const FeedForwardProblem problem{.L = 2, .B = 1, .N = 2};

Tensors outputs_of_ones() {
  Tensors out;
  for (const TensorSpec& spec : outputs(problem)) {
    out[spec.name] = Tensor(spec.shape, std::vector<double>(size(spec.shape), 1.0));
  }
  return out;
}

Comparison compare_with_ones(const Tensors& got) {
  FixedPlan plan(got);
  FixedPlan reference(outputs_of_ones());
  return compare(problem, plan, reference);
}

TEST(Compare, AcceptsEqualAndRefusesWrong) {
  Tensors out = outputs_of_ones();
  EXPECT_TRUE(compare_with_ones(out).ok);
  out["dW"].data[3] += 0.5 * tolerance(problem);
  EXPECT_TRUE(compare_with_ones(out).ok);
  out["dW"].data[3] = 1 + 1.5 * tolerance(problem);
  const Comparison comparison = compare_with_ones(out);
  EXPECT_FALSE(comparison.ok);
  EXPECT_EQ(comparison.tensor, "dW");
  EXPECT_NE(comparison.describe().find("dW"), std::string::npos);
}

TEST(Compare, MeasuresEachLayerByItself) {
  Tensors truth = outputs_of_ones();
  Tensors out = outputs_of_ones();
  for (Tensors* tensors : {&truth, &out}) {  // the first layer's gradient has vanished
    for (std::size_t i = 0; i < 4; ++i) (*tensors)["dW"].data[i] = 1e-20;
  }
  out["dW"].data[0] = 1.1e-20;
  FixedPlan plan(out);
  FixedPlan reference(truth);
  EXPECT_FALSE(compare(problem, plan, reference).ok);
}

/// Where H or H - 1 is T, db [H] is one tensor all the same: an entry that cancelled is no step.
TEST(Compare, SizesThatEqualEachOtherAreNoSteps) {
  for (const std::int64_t H : {4, 5}) {
    for (const char* cell : {"elman", "lstm", "gru"}) {
      const RecurrentProblem net{.cell = cell, .T = 4, .B = H, .H = H, .record = true};
      Tensors truth;
      for (const TensorSpec& spec : outputs(net)) {
        const bool weights = spec.name == "dWh" || spec.name == "dWx" || spec.name == "db";
        const bool one_state = spec.name == "dh0" || spec.name == "dc0";
        EXPECT_EQ(spec.by_step, !weights && !one_state) << cell << ' ' << spec.name;
        truth[spec.name] = Tensor(spec.shape, std::vector<double>(size(spec.shape), 1.0));
      }
      truth["db"].data[1] = 1e-9;
      truth["dWh"].data[1] = 1e-9;
      Tensors out = truth;
      out["db"].data[1] = 2e-9;
      out["dWh"].data[1] = 2e-9;
      FixedPlan plan(out);
      FixedPlan reference(truth);
      EXPECT_TRUE(compare(net, plan, reference).ok) << cell;
      // A step is one: its own largest entry counts.
      for (std::size_t i = 0; i < truth["da"].stride(); ++i) truth["da"].data[i] = 1e-9;
      out["da"] = truth["da"];
      out["da"].data[0] = 2e-9;
      FixedPlan wrong(out);
      FixedPlan right(truth);
      EXPECT_EQ(compare(net, wrong, right).tensor, "da") << cell;
    }
  }
  for (const TensorSpec& spec :
       outputs(RecurrentProblem{.T = 4, .project_input = false, .share = false})) {
    if (spec.name == "dWh" || spec.name == "db") {
      EXPECT_TRUE(spec.by_step);
    }
  }
}

TEST(Compare, NeedsTheSameNumbersToBeFinite) {
  for (const double bad : {double{NAN}, double{INFINITY}}) {
    Tensors out = outputs_of_ones();
    out["y"].data[0] = bad;
    EXPECT_FALSE(compare_with_ones(out).ok);
  }
}

TEST(Compare, AllowsErrorsBelowTheSmallestNormalNumber) {
  Tensors truth = outputs_of_ones();
  for (double& x : truth["dh0"].data) x = 1e-45;
  Tensors out = truth;
  for (double& x : out["dh0"].data) x = 0;
  FixedPlan plan(out);
  FixedPlan reference(truth);
  EXPECT_TRUE(compare(problem, plan, reference).ok);
}

TEST(Compare, LetsAProviderHideItsNorms) {
  Tensors out = outputs_of_ones();
  out["dh_norm2"] = Tensor();
  EXPECT_TRUE(compare_with_ones(out).ok);
  out["y"] = Tensor();
  EXPECT_FALSE(compare_with_ones(out).ok);
}

/// A count may be off by elements that sit at the limit: none of a hundred, one of a million.
TEST(Compare, CountsMayDifferByFewOfMany) {
  for (const std::int64_t rows : {1, 10000}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      const ActivationProblem p{.rows = rows, .cols = 100, .count_saturated = true, .dtype = dtype};
      Tensors out{{"dx", Tensor({rows, 100})}, {"saturated", Tensor({1}, {10})}};
      FixedPlan reference(out);
      out["saturated"].data[0] = 11;
      FixedPlan plan(out);
      EXPECT_EQ(compare(p, plan, reference).ok, rows > 1) << name(p);
    }
  }
}

/// One flipped relu: strict fails, the norm passes, and the result says so. A wrong state is wrong.
TEST(Compare, AllowsAFlippedKinkByNormOnly) {
  FeedForwardProblem relu{.act = "relu", .L = 4, .B = 200, .N = 200};
  const auto ones = [](const Problem& p) {
    Tensors out;
    for (const TensorSpec& spec : outputs(p)) {
      out[spec.name] = Tensor(spec.shape, std::vector<double>(size(spec.shape), 1.0));
    }
    return out;
  };
  Tensors out = ones(relu);
  FixedPlan reference(out);
  out["dh0"].data[7] = 0;
  FixedPlan flipped(out);
  const Comparison comparison = compare(relu, flipped, reference);
  EXPECT_TRUE(comparison.ok) << comparison.describe();
  EXPECT_TRUE(comparison.by_norm);
  FeedForwardProblem tanh = relu;
  tanh.act = "tanh";
  EXPECT_FALSE(compare(tanh, flipped, reference).ok);
  for (double& x : out["dh0"].data) x = 0.9;
  FixedPlan scaled(out);
  EXPECT_FALSE(compare(relu, scaled, reference).ok);
  out = ones(relu);
  out["y"].data[3] = 0.999;
  FixedPlan wrong_state(out);
  EXPECT_FALSE(compare(relu, wrong_state, reference).ok);
}

TEST(Compare, ToleranceFollowsFormatLengthAndDepth) {
  const double f32 = tolerance(ActivationProblem{});
  EXPECT_NEAR(f32, 36 * 0x1p-23, 1e-12);
  EXPECT_NEAR(tolerance(ActivationProblem{.dtype = Dtype::f64}) / f32, 0x1p-29, 1e-12);
  // Storage in 16 bits: one rounding, and float's arithmetic before it.
  EXPECT_NEAR(tolerance(ActivationProblem{.dtype = Dtype::bf16}), 0x1p-7 + f32, 1e-12);
  EXPECT_NEAR(tolerance(ClipProblem{.dtype = Dtype::f16}), 0x1p-10 + f32, 1e-12);
  EXPECT_GT(tolerance(RecurrentProblem{.T = 100}), tolerance(RecurrentProblem{.T = 10}));
}

/// x with 10 bits after the point, the rest cut off: what a device may make of a factor in TF32.
double cut_to_tf32(double x) {
  const double spacing = std::ldexp(tf32_epsilon, std::ilogb(x));
  return std::trunc(x / spacing) * spacing;
}

/// One layer, y = W h, in exact arithmetic but for its factors.
TEST(Compare, Tf32HasAToleranceOfItsOwn) {
  const FeedForwardProblem layer{.act = "identity", .L = 1, .B = 40, .N = 256};
  std::mt19937 random(std::random_device{}());
  std::normal_distribution<double> normal;
  double error = 0;
  double largest = 0;
  for (std::int64_t i = 0; i < layer.B * layer.N; ++i) {
    double exact = 0;
    double cut = 0;
    for (std::int64_t k = 0; k < layer.N; ++k) {
      const double w = normal(random);
      const double h = normal(random);
      exact += w * h;
      cut += cut_to_tf32(w) * cut_to_tf32(h);
    }
    largest = std::max(largest, std::abs(exact));
    error = std::max(error, std::abs(cut - exact));
  }
  EXPECT_LT(error / largest, tolerance(layer, Math::tf32));
  EXPECT_GT(error / largest, tolerance(layer)) << "fma's tolerance must catch TF32";
}

}  // namespace
}  // namespace gradepth
