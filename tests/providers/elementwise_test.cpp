#include "host/providers/shared/elementwise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/activation/activation.h"

namespace gradepth::cpu {
namespace {

/// Every 4999th float32 number in [low, high], of both signs and all magnitudes.
std::vector<float> numbers(float low, float high) {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 4999) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (value >= low && value <= high) x.push_back(value);
  }
  return x;
}

/// The largest error of f in units of the last place of the float64 value; what is subnormal in
/// float32 is measured in the smallest number.
template <class Act>
double largest_error(float low, float high) {
  const std::vector<float> x = numbers(low, high);
  std::vector<float> y(x.size());
  loops()
      .elementwise(Act::name, SlopeFrom::output)
      .forward(x.data(), y.data(), static_cast<std::ptrdiff_t>(x.size()));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = Act::value(static_cast<double>(x[i]));
    const int exponent = exact == 0 ? -126 : std::max(std::ilogb(exact), -126);
    const double error =
        std::abs(static_cast<double>(y[i]) - exact) / std::ldexp(1.0, exponent - 23);
    if (!(error <= worst)) worst = error;  // a NaN counts
  }
  return worst;
}

// The vectorised functions err by at most 2.4 units (tanh) and 5.1 (erfc) over all numbers, and
// each further operation of a formula by half a unit or one.
TEST(CpuElementwise, ErrsByFewUnitsInTheLastPlace) {
  EXPECT_LE(largest_error<Tanh>(-1e30F, 1e30F), 3);
  EXPECT_LE(largest_error<Sigmoid>(-87, 1e30F), 4);
  EXPECT_LE(largest_error<Elu>(-1e30F, 1e30F), 3);
  EXPECT_LE(largest_error<Softplus>(-87, 1e30F), 4);
  // erfc turns the rounding of its argument z = x/√2 into 2 z² as much: 9 units at x = -3.
  EXPECT_LE(largest_error<Gelu>(-3, 1e30F), 16);
}

TEST(CpuElementwise, KeepsInfinityAndNaN) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  // Nine entries, so that vectors and the loop's rest both see some.
  const std::vector<float> x{inf, -inf, NAN, 0.0F, -0.0F, inf, -inf, NAN, NAN};
  const auto n = static_cast<std::ptrdiff_t>(x.size());
  for_each_activation([&](auto act) {
    using Act = decltype(act);
    std::vector<float> y(x.size());
    loops().elementwise(Act::name, SlopeFrom::output).forward(x.data(), y.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = Act::value(static_cast<double>(x[i]));
      if (std::isnan(exact)) {
        EXPECT_TRUE(std::isnan(y[i])) << Act::name << " of " << x[i] << " is " << y[i];
      } else {
        EXPECT_FLOAT_EQ(y[i], static_cast<float>(exact)) << Act::name << " of " << x[i];
      }
    }
  });
}

TEST(CpuElementwise, ClipKeepsNaN) {
  std::vector<float> x{NAN, 5, -5, 0.25F, std::numeric_limits<float>::infinity()};
  loops().clip(x.data(), 1.0F, static_cast<std::ptrdiff_t>(x.size()));
  EXPECT_TRUE(std::isnan(x[0]));
  EXPECT_EQ(x[1], 1.0F);
  EXPECT_EQ(x[2], -1.0F);
  EXPECT_EQ(x[3], 0.25F);
  EXPECT_EQ(x[4], 1.0F);
}

}  // namespace
}  // namespace gradepth::cpu
