#pragma once

#include <bit>
#include <cstdint>

/// Transcendental functions that a compiler can vectorise, for the formulas of
/// kernels/activation/functions.h.
///
/// A `Lane` is one float of a vector. Its functions are found by argument-dependent lookup, so that
/// `Tanh::value(Lane(x))` is the very formula that every other provider uses, with `exp` and its
/// like from here: no branch and no call, so a plain loop over an array becomes AVX2 or AVX-512
/// code. Polynomials are Chebyshev fits of degree and interval as said; errors are measured by
/// tests/providers/elementwise_test.cpp. Infinities and NaN come out as from <cmath>.
namespace gradepth::cpu {

struct Lane {
  float v;

  Lane() = default;
  template <class Number>
  constexpr explicit Lane(Number number) : v(static_cast<float>(number)) {}

  friend constexpr Lane operator+(Lane a, Lane b) { return Lane(a.v + b.v); }
  friend constexpr Lane operator-(Lane a, Lane b) { return Lane(a.v - b.v); }
  friend constexpr Lane operator*(Lane a, Lane b) { return Lane(a.v * b.v); }
  friend constexpr Lane operator/(Lane a, Lane b) { return Lane(a.v / b.v); }
  friend constexpr Lane operator-(Lane a) { return Lane(-a.v); }
  friend constexpr bool operator<=(Lane a, Lane b) { return a.v <= b.v; }
  friend constexpr bool operator>=(Lane a, Lane b) { return a.v >= b.v; }
};

inline float absolute(float x) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0x7fffffffU);
}
inline float copy_sign(float magnitude, float sign) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(magnitude) & 0x7fffffffU) |
                              (std::bit_cast<std::uint32_t>(sign) & 0x80000000U));
}
/// 2ⁿ, for -126 <= n <= 127.
inline float power_of_two(std::int32_t n) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23);
}
/// x between low and high; a NaN stays.
inline float clamp(float x, float low, float high) {
  const float above = x < low ? low : x;
  return above > high ? high : above;
}

/// eˣ = 2ⁿ (1 + tail), tail = eʳ - 1 for x = n ln 2 + r, |r| <= ln 2 / 2. For |x| < 2^21.
struct ExpParts {
  std::int32_t n;
  float tail;
};
inline ExpParts exp_parts(float x) {
  // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits.
  constexpr float rounder = 12582912.0F;
  const float shifted = x * 1.44269504F + rounder;
  const float n = shifted - rounder;
  // ln 2 in two parts: the first has 15 bits, so that n · part is exact.
  const float r = (x - n * 0.693145752F) - n * 1.42860677e-6F;
  // (eʳ - 1 - r) / r², degree 4.
  const float q =
      0.5F + r * (0.16666577F + r * (0.04166655F + r * (0.00836319F + r * 0.00139262F)));
  return {std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(rounder),
          r + (r * r) * q};
}

inline Lane exp(Lane x) {
  // Beyond these bounds the result is 0 or infinite after rounding.
  const ExpParts e = exp_parts(clamp(x.v, -104.0F, 89.0F));
  // In two factors, so that subnormal results and those near the largest number are reached.
  const std::int32_t half = e.n >> 1;
  return Lane(((1.0F + e.tail) * power_of_two(half)) * power_of_two(e.n - half));
}

inline Lane expm1(Lane x) {
  const ExpParts e = exp_parts(clamp(x.v, -20.0F, 89.0F));
  // 2ⁿ tail + (2ⁿ - 1), halved and doubled again: 2^128 is not a number.
  const float half = power_of_two(e.n - 1);
  const float result = 2.0F * (half * e.tail + (half - 0.5F));
  return Lane(x.v == 0.0F ? x.v : result);  // keeps the sign of -0
}

/// tanh x = E / (E + 2), E = e^{2|x|} - 1: one formula, without cancellation at any x.
inline Lane tanh(Lane x) {
  const float E = expm1(Lane(2.0F * clamp(absolute(x.v), 0.0F, 10.0F))).v;
  return Lane(copy_sign(E / (E + 2.0F), x.v));
}

inline Lane log1p(Lane x) {
  const float u = 1.0F + x.v;
  // u = 2ⁿ m with m in [√½, √2); f = m - 1.
  constexpr std::int32_t sqrt_half = 0x3f3504f3;
  const std::int32_t bits = std::bit_cast<std::int32_t>(u) - sqrt_half;
  const std::int32_t exponent = bits >> 23;
  const float f = std::bit_cast<float>((bits & 0x007fffff) + sqrt_half) - 1.0F;
  const auto n = static_cast<float>(exponent);
  // (ln(1 + f) - f + f²/2) / f³, degree 8.
  const float p =
      0.33333331F +
      f * (-0.24999997F +
           f * (0.20000716F +
                f * (-0.16667802F +
                     f * (0.14249058F +
                          f * (-0.12425687F +
                               f * (0.11685420F + f * (-0.11479734F + f * 0.06971611F)))))));
  // What 1 + x lost by rounding comes back as its first-order effect on the logarithm.
  const float lost = (x.v - (u - 1.0F)) / u;
  const float tail = f * f * (f * p - 0.5F) + (n * 1.42860677e-6F + lost);
  const float log = n * 0.693145752F + (f + tail);
  const auto infinity = std::bit_cast<float>(0x7f800000U);
  const auto nan = std::bit_cast<float>(0x7fc00000U);
  const float finite = u < infinity ? log : x.v;        // +infinity and NaN stay
  const float domain = u > 0.0F ? finite : -infinity;   // x = -1; NaN is mended below
  const float defined = x.v >= -1.0F ? domain : nan;    // x < -1 and NaN
  return Lane(absolute(x.v) < 1e-30F ? x.v : defined);  // also keeps -0 and subnormal x
}

/// erfc x = e^{-x²} t Q(t), t = 1 / (1 + |x| / 2), for x >= 0, and 2 - erfc |x| below. x² is split
/// in two, so that the far tail keeps its digits.
inline Lane erfc(Lane x) {
  const float z = clamp(absolute(x.v), 0.0F, 10.2F);  // erfc 10.2 is 0 in float32
  const float t = 1.0F / (1.0F + 0.5F * z);
  const float Q =
      0.28208650F +
      t * (0.28230348F +
           t * (0.24462647F +
                t * (0.18897122F +
                     t * (0.04196060F +
                          t * (0.06782224F +
                               t * (-0.07614749F +
                                    t * (-0.22983976F +
                                         t * (0.33969967F +
                                              t * (-0.17433045F + t * 0.03284752F)))))))));
  const float square = z * z;
  const float rest = __builtin_fmaf(z, z, -square);
  const float tail = exp(Lane(-square)).v * (t * Q) * (1.0F - rest);
  return Lane(x.v < 0.0F ? 2.0F - tail : tail);
}

inline Lane abs(Lane x) { return Lane(absolute(x.v)); }

}  // namespace gradepth::cpu
