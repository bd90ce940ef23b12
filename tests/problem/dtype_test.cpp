#include "host/problem/dtype.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace gradepth {
namespace {

TEST(Dtype, RoundsToNearestEven) {
  EXPECT_EQ(round_to(Dtype::f16, 2049), 2048);  // a tie between 2048 and 2050
  EXPECT_EQ(round_to(Dtype::f16, 2051), 2052);  // a tie between 2050 and 2052
  EXPECT_EQ(round_to(Dtype::bf16, 257), 256);
  EXPECT_EQ(round_to(Dtype::f32, 16777217), 16777216);
  EXPECT_EQ(round_to(Dtype::f64, 0.1), 0.1);
}

TEST(Dtype, OverflowsToInfinityAndKeepsSigns) {
  EXPECT_EQ(round_to(Dtype::f16, 65519.99), 65504);  // below the tie with 65536
  EXPECT_EQ(round_to(Dtype::f16, 65520), INFINITY);
  EXPECT_EQ(round_to(Dtype::f16, -1e9), -INFINITY);
  EXPECT_EQ(round_to(Dtype::bf16, 3.4e38), INFINITY);
  EXPECT_EQ(round_to(Dtype::f32, -3.5e38), -INFINITY);
  EXPECT_TRUE(std::isnan(round_to(Dtype::f16, NAN)));
  EXPECT_TRUE(std::signbit(round_to(Dtype::f16, -1e-30)));
}

/// By division: how many of the format's steps there are in x, to the nearest whole number.
double rounded_by_division(Dtype dtype, double x) {
  const Format f = format(dtype);
  const int exponent = std::max(std::ilogb(x), f.min_exponent);
  const double spacing = std::ldexp(1.0, exponent - (f.digits - 1));
  const double rounded = std::nearbyint(x / spacing) * spacing;
  return std::abs(rounded) > f.max ? std::copysign(INFINITY, x) : rounded;
}

/// Every number of the two 16-bit formats, every tie between neighbours, and what lies next to both
/// in float64.
TEST(Dtype, RoundsEveryNumberAndTieAsDivisionDoes) {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const Format f = format(dtype);
    std::size_t numbers = 0;
    double x = 0;
    while (x <= f.max) {
      const double spacing = std::ldexp(
          1.0, std::max(x == 0 ? f.min_exponent : std::ilogb(x), f.min_exponent) - (f.digits - 1));
      for (const double y : {x, x + 0.5 * spacing}) {
        for (const double z : {std::nextafter(y, 0), y, std::nextafter(y, INFINITY), -y}) {
          if (z == 0) continue;
          const double expected = rounded_by_division(dtype, z);
          ASSERT_EQ(round_to(dtype, z), expected) << name(dtype) << ' ' << z;
          ASSERT_EQ(std::signbit(round_to(dtype, z)), std::signbit(z)) << z;
        }
      }
      x += spacing;
      ++numbers;
    }
    // Of the 2^15 patterns without a sign all but infinity and the NaNs.
    EXPECT_EQ(numbers, dtype == Dtype::f16 ? 0x7c00U : 0x7f80U);
  }
}

/// From 1, times 1/4 each step: the last step that is not 0 (a known fact about the formats).
TEST(Dtype, SubnormalsGoDownToTheirEnd) {
  const auto last_step = [](Dtype dtype) {
    int step = 0;
    for (double x = 1; round_to(dtype, x / 4) != 0; x /= 4) ++step;
    return step;
  };
  EXPECT_EQ(last_step(Dtype::f16), 12);
  EXPECT_EQ(last_step(Dtype::bf16), 66);
  EXPECT_EQ(last_step(Dtype::f32), 74);
}

TEST(Dtype, NamesGoBothWays) {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16}) {
    EXPECT_EQ(parse_dtype(name(dtype)), dtype);
  }
  EXPECT_THROW(parse_dtype("float"), std::invalid_argument);
}

}  // namespace
}  // namespace gradepth
