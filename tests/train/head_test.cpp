#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "host/train/head.h"

namespace gradepth::train {
namespace {

struct Case {
  Tensor V{{3, 2}, {0.5, -0.25, 1.0, 0.75, -0.5, 0.125}};
  Tensor b{{3}, {0.1, -0.2, 0.3}};
  std::vector<double> h{0.5, -1.0, 2.0, 0.25, -0.75, 1.5, 0.0, 1.0};  // [4, 2]
  std::vector<int> labels{2, 1, 0, 1};

  [[nodiscard]] double loss() const { return softmax_cross_entropy(V, b, h, labels).loss; }
};

/// Central differences with step 1e-5 have an error of about 1e-10 (step² · f''' / 6, and rounding
/// 1e-16 / 1e-5); 1e-8 leaves room.
void expect_derivative(std::vector<double>& values, const std::vector<double>& gradient, Case& c) {
  ASSERT_EQ(values.size(), gradient.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    constexpr double step = 1e-5;
    const double value = values[i];
    values[i] = value + step;
    const double above = c.loss();
    values[i] = value - step;
    const double below = c.loss();
    values[i] = value;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * step), 1e-8) << i;
  }
}

TEST(Head, GradientAgreesWithFiniteDifferences) {
  Case c;
  const HeadResult r = softmax_cross_entropy(c.V, c.b, c.h, c.labels);
  expect_derivative(c.V.data, r.dV.data, c);
  expect_derivative(c.b.data, r.db.data, c);
  expect_derivative(c.h, r.dh.data, c);
}

TEST(Head, UniformLogitsCostLnClasses) {
  const Tensor V({10, 3});
  const std::vector<double> h(6, 1.0);
  const std::vector<int> labels{0, 7};
  const HeadResult r = softmax_cross_entropy(V, Tensor({10}), h, labels);
  EXPECT_NEAR(r.loss, std::log(10.0), 1e-15);
  EXPECT_EQ(r.correct, 1U);  // of equal logits the first counts as the answer
}

TEST(Head, LargeLogitsDoNotOverflow) {
  const Tensor V({2, 1}, {1000.0, -1000.0});
  const std::vector<double> h{5.0};
  const std::vector<int> right{0};
  const std::vector<int> wrong{1};
  EXPECT_EQ(softmax_cross_entropy(V, Tensor({2}), h, right).loss, 0.0);
  EXPECT_EQ(softmax_cross_entropy(V, Tensor({2}), h, wrong).loss, 10000.0);
}

TEST(Head, RefusesShapesThatDoNotFit) {
  const std::vector<double> h{1.0, 2.0};
  const std::vector<int> labels{0};
  EXPECT_THROW(softmax_cross_entropy(Tensor({2, 3}), Tensor({2}), h, labels),
               std::invalid_argument);
}

}  // namespace
}  // namespace gradepth::train
