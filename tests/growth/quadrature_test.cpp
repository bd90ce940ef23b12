#include "host/growth/theory/quadrature.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/activation/activation.h"
#include "tests/growth/mean_field_numbers.h"

namespace gradepth::growth {
namespace {

TEST(Quadrature, GaussianMoments) {
  const double s = 3;
  EXPECT_NEAR(gaussian_expectation([](double) { return 1.0; }, s), 1, 1e-14);
  EXPECT_NEAR(gaussian_expectation([](double x) { return x * x; }, s), 9, 1e-12);
  EXPECT_NEAR(gaussian_expectation([](double x) { return std::pow(x, 6); }, s), 15 * 729, 1e-8);
  // E cos(s z) = exp(-s²/2)
  EXPECT_NEAR(gaussian_expectation([](double x) { return std::cos(x); }, s), std::exp(-4.5), 1e-14);
  const std::vector<double> kink{1};
  // P(x > 1) = erfc(1 / (s √2)) / 2, a jump
  EXPECT_NEAR(gaussian_expectation([](double x) { return x > 1 ? 1.0 : 0.0; }, s, kink),
              0.5 * std::erfc(1 / (s * std::sqrt(2.0))), 1e-14);
}

/// mpmath's slopes are numerical, with errors up to 1e-12.
TEST(Quadrature, MomentsOfEveryActivationAgreeWithMpmath) {
  std::size_t checked = 0;
  for (const test::KnownMoments& known : test::known_moments) {
    const Moments m = moments(known.activation, known.q);
    EXPECT_NEAR(m.value2 / known.value2, 1, 1e-10) << known.activation.name() << ' ' << known.q;
    EXPECT_NEAR(m.slope2 / known.slope2, 1, 1e-10) << known.activation.name() << ' ' << known.q;
    ++checked;
  }
  std::size_t activations = 0;
  for_each_activation([&](auto) { ++activations; });
  EXPECT_EQ(checked, 3 * activations);
}

/// d/dq E f² by central differences: step h leaves h² / 6 of the third derivative, 1e-8 here.
TEST(Quadrature, SlopeOfTheMapOfQ) {
  for_each_activation([](auto act) {
    const Activation activation = act.name;
    const double h = 1e-4;
    const double difference =
        (moments(activation, 1 + h).value2 - moments(activation, 1 - h).value2) / (2 * h);
    EXPECT_NEAR(moments(activation, 1).value2_dq, difference, 1e-7) << act.name;
  });
}

/// The limit at q = 0 agrees with a small q: f is smooth enough on each side of 0.
TEST(Quadrature, MomentsAtZero) {
  for_each_activation([](auto act) {
    const Activation activation = act.name;
    const Moments limit = moments(activation, 0);
    const Moments near = moments(activation, 1e-10);
    EXPECT_NEAR(limit.value2, near.value2, 1e-8) << act.name;
    EXPECT_NEAR(limit.slope2, near.slope2, 1e-4) << act.name;
    EXPECT_NEAR(limit.value2_dq, near.value2_dq, 1e-4) << act.name;
  });
}

}  // namespace
}  // namespace gradepth::growth
