#include <gtest/gtest.h>

#include <cmath>

#include "host/text/not_finite.h"
#include "host/train/optimiser.h"

namespace gradepth::train {
namespace {

Tensors one(double value) { return {{"w", Tensor({1}, {value})}}; }

TEST(Sgd, StepsAgainstTheGradient) {
  Sgd sgd(0.5);
  Tensors w{{"a", Tensor({2}, {1.0, 2.0})}, {"b", Tensor({1}, {-1.0})}};
  sgd.update(w, {{"a", Tensor({2}, {0.25, -2.0})}, {"b", Tensor({1}, {4.0})}});
  EXPECT_EQ(w["a"].data, (std::vector<double>{0.875, 3.0}));
  EXPECT_EQ(w["b"].data, (std::vector<double>{-3.0}));
}

// By hand, η = 0.1, g = 2 then -1:
//   step 1  m = 0.2, v = 0.004; m̂ = 2, v̂ = 4; w = 1 - 0.1 · 2 / 2 = 0.9
//   step 2  m = 0.18 - 0.1 = 0.08, v = 0.003996 + 0.001 = 0.004996;
//           m̂ = 0.08 / 0.19, v̂ = 0.004996 / 0.001999
TEST(Adam, AgreesWithHandNumbers) {
  Adam adam(0.1);
  Tensors w = one(1);
  adam.update(w, one(2));
  EXPECT_NEAR(w["w"].data[0], 0.9, 1e-9);  // ε = 1e-8 moves it by 5e-10
  adam.update(w, one(-1));
  const double m_hat = 0.08 / 0.19;
  const double v_hat = 0.004996 / 0.001999;
  EXPECT_NEAR(w["w"].data[0], 0.9 - 0.1 * m_hat / std::sqrt(v_hat), 1e-9);
}

TEST(Optimiser, UnknownNameIsRefused) {
  EXPECT_NE(make_optimiser(Method::sgd, 1), nullptr);
  EXPECT_NE(make_optimiser(Method::adam, 1), nullptr);
}

TEST(Clip, ByNormKeepsTheDirectionOverAllTensors) {
  Tensors g{{"a", Tensor({1}, {3.0})}, {"b", Tensor({1}, {4.0})}};
  const Clipped c = clip(g, {.norm = 1, .value = 0});
  EXPECT_DOUBLE_EQ(c.norm, 5);
  EXPECT_TRUE(c.changed);
  EXPECT_DOUBLE_EQ(g["a"].data[0], 0.6);
  EXPECT_DOUBLE_EQ(g["b"].data[0], 0.8);
}

TEST(Clip, ByValueChangesTheDirection) {
  Tensors g{{"a", Tensor({2}, {3.0, -4.0})}};
  EXPECT_TRUE(clip(g, {.norm = 0, .value = 1}).changed);
  EXPECT_EQ(g["a"].data, (std::vector<double>{1.0, -1.0}));
}

TEST(Clip, LeavesASmallGradientAlone) {
  Tensors g = one(0.5);
  EXPECT_FALSE(clip(g, {.norm = 1, .value = 1}).changed);
  EXPECT_EQ(g["w"].data[0], 0.5);
}

TEST(Clip, OffMeansOff) {
  Tensors g = one(1e6);
  EXPECT_FALSE(clip(g, {.norm = 0, .value = 0}).changed);
  EXPECT_EQ(g["w"].data[0], 1e6);
}

/// A norm is finite where its square is not: it is clipped, not skipped.
TEST(Clip, NormsBeyondTheRangeOfTheirSquares) {
  for (const double size : {1e200, 1e-200}) {
    Tensors g{{"a", Tensor({1}, {3 * size})}, {"b", Tensor({1}, {-4 * size})}};
    EXPECT_NEAR(norm(g) / size, 5, 1e-14);
    const Clipped clipped = clip(g, {.norm = size, .value = 0});
    EXPECT_TRUE(clipped.finite);
    EXPECT_TRUE(clipped.changed);
    EXPECT_NEAR(g["a"].data[0] / size, 0.6, 1e-14);
    EXPECT_NEAR(g["b"].data[0] / size, -0.8, 1e-14);
  }
}

TEST(Clip, ReportsAGradientThatIsNotFiniteAndLeavesIt) {
  for (const double bad : {nan, infinity}) {
    Tensors g{{"a", Tensor({2}, {3.0, bad})}};
    const Clipped c = clip(g, {.norm = 1, .value = 1});
    EXPECT_FALSE(c.finite) << bad;
    EXPECT_FALSE(c.changed);
    EXPECT_EQ(g["a"].data[0], 3.0);
  }
}

}  // namespace
}  // namespace gradepth::train
