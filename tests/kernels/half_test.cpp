// The 16-bit numbers: every pattern, and every place between two neighbours where rounding turns,
// against host/problem/dtype.h, which knows nothing of bits.
#include "kernels/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "host/problem/dtype.h"

namespace gradepth {
namespace {

template <class T>
constexpr Dtype dtype_of = std::is_same_v<T, float16> ? Dtype::f16 : Dtype::bf16;

template <class T>
class HalfTest : public testing::Test {};
using Formats = testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(HalfTest, Formats);

template <class T>
T pattern(int bits) {
  return T{static_cast<std::uint16_t>(bits)};
}

/// The same number and the same sign, or both NaN.
bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

TYPED_TEST(HalfTest, EveryPatternSurvivesTheWayToFloatAndBack) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto x = static_cast<float>(pattern<TypeParam>(bits));
    ASSERT_TRUE(same(round_to(dtype_of<TypeParam>, x), x)) << bits << ": " << x;
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(TypeParam::rounded(x)))) << bits;
    } else {
      ASSERT_EQ(TypeParam::rounded(x).bits, bits) << x;
    }
  }
}

TYPED_TEST(HalfTest, PositivePatternsCountUpwards) {
  const double smallest = static_cast<float>(pattern<TypeParam>(1));
  EXPECT_EQ(smallest, format(dtype_of<TypeParam>).min_normal * format(dtype_of<TypeParam>).epsilon);
  for (int bits = 1; std::isfinite(static_cast<float>(pattern<TypeParam>(bits))); ++bits) {
    ASSERT_GT(static_cast<float>(pattern<TypeParam>(bits)),
              static_cast<float>(pattern<TypeParam>(bits - 1)));
  }
}

TYPED_TEST(HalfTest, RoundsBetweenAllNeighboursLikeDtype) {
  constexpr Dtype dtype = dtype_of<TypeParam>;
  const auto expect_rounded = [](double x) {
    for (const double signed_x : {x, -x}) {
      const double expected = round_to(dtype, signed_x);
      ASSERT_TRUE(same(static_cast<float>(TypeParam::rounded(signed_x)), expected)) << signed_x;
      const auto narrow = static_cast<float>(signed_x);
      ASSERT_TRUE(same(static_cast<float>(TypeParam::rounded(narrow)), round_to(dtype, narrow)))
          << narrow;
    }
  };
  for (int bits = 0; std::isfinite(static_cast<float>(pattern<TypeParam>(bits))); ++bits) {
    const double below = static_cast<float>(pattern<TypeParam>(bits));
    const double next = static_cast<float>(pattern<TypeParam>(bits + 1));
    // Half way to infinity is half way to the number that would come next.
    const double step =
        std::isfinite(next)
            ? next - below
            : below - static_cast<double>(static_cast<float>(pattern<TypeParam>(bits - 1)));
    const double half_way = below + step / 2;
    expect_rounded(half_way);
    expect_rounded(std::nextafter(half_way, 0.0));
    expect_rounded(std::nextafter(half_way, std::numeric_limits<double>::infinity()));
    expect_rounded(below + step / 4);
  }
}

TYPED_TEST(HalfTest, TakesTheEndsOfDouble) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double x : {infinity, 1e300, 0.0, 5e-324, 1e-300}) {
    for (const double signed_x : {x, -x}) {
      EXPECT_TRUE(same(static_cast<float>(TypeParam::rounded(signed_x)),
                       round_to(dtype_of<TypeParam>, signed_x)))
          << signed_x;
    }
  }
  EXPECT_TRUE(
      std::isnan(static_cast<float>(TypeParam::rounded(std::numeric_limits<double>::quiet_NaN()))));
}

TEST(RoundedTo, NamesTheType) {
  EXPECT_EQ(rounded_to<float>(0.1), 0.1F);
  EXPECT_EQ(rounded_to<float>(0.1F), 0.1F);
  EXPECT_EQ(static_cast<float>(rounded_to<float16>(2049.0)), 2048);  // a tie between 2048 and 2050
  EXPECT_EQ(static_cast<float>(rounded_to<bfloat16>(257.0F)), 256);
}

}  // namespace
}  // namespace gradepth
