#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gradepth {

/// The number formats that a problem can ask for.
enum class Dtype : std::uint8_t { f64, f32, f16, bf16 };
inline constexpr Dtype all_dtypes[] = {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16};

/// What a binary floating format can hold.
struct Format {
  int digits;         // bits of the significand, the hidden one included
  int min_exponent;   // of the smallest normal number, as in 2^min_exponent
  double max;         // largest finite number
  double min_normal;  // smallest normal number
  double epsilon;     // distance from 1 to the next number, 2^(1 - digits)
};

constexpr Format format(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return {53, -1022, std::numeric_limits<double>::max(), std::numeric_limits<double>::min(),
              std::numeric_limits<double>::epsilon()};
    case Dtype::f32:
      return {24, -126, std::numeric_limits<float>::max(), std::numeric_limits<float>::min(),
              std::numeric_limits<float>::epsilon()};
    case Dtype::f16:
      return {11, -14, 65504.0, 0x1p-14, 0x1p-10};
    case Dtype::bf16:
      return {8, -126, 0x1.fep127, 0x1p-126, 0x1p-7};
  }
  return {};
}

constexpr bool has_16_bits(Dtype dtype) { return dtype == Dtype::f16 || dtype == Dtype::bf16; }

constexpr std::string_view name(Dtype dtype) {
  constexpr std::string_view names[] = {"f64", "f32", "f16", "bf16"};
  return names[static_cast<int>(dtype)];
}

/// std::invalid_argument for an unknown name.
inline Dtype parse_dtype(std::string_view text) {
  for (const Dtype dtype : all_dtypes) {
    if (name(dtype) == text) return dtype;
  }
  throw std::invalid_argument("dtype " + std::string(text) + ": one of f64, f32, f16, bf16");
}

/// How a product of f32 matrices may round its factors: not at all, or to TF32, which has f32's
/// range and 10 bits after the point.
enum class Math : std::uint8_t { fma, tf32 };
inline constexpr double tf32_epsilon = 0x1p-10;

constexpr std::string_view name(Math math) { return math == Math::fma ? "fma" : "tf32"; }

/// std::invalid_argument for an unknown name.
inline Math parse_math(std::string_view text) {
  for (const Math math : {Math::fma, Math::tf32}) {
    if (name(math) == text) return math;
  }
  throw std::invalid_argument("math " + std::string(text) + ": one of fma, tf32");
}

/// x rounded to the nearest number of the format, ties to even; subnormals kept, overflow to
/// infinity.
inline double round_to(Dtype dtype, double x) {
  if (dtype == Dtype::f64 || x == 0 || !std::isfinite(x)) return x;
  if (dtype == Dtype::f32) return static_cast<float>(x);
  const Format f = format(dtype);
  if (std::abs(x) < f.min_normal) {
    // Next to 3 · 2^51 times the spacing of the subnormals, float64 itself has that spacing.
    const double shift = 0x1.8p52 * (f.min_normal * f.epsilon);
    return std::copysign((x + shift) - shift, x);
  }
  // Half a unit in the last place, less one bit where the last place is even, carries upwards; a
  // carry out of the significand raises the exponent, as it should.
  const int dropped = 53 - f.digits;
  auto bits = std::bit_cast<std::uint64_t>(x);
  bits += (std::uint64_t{1} << (dropped - 1)) - 1 + (bits >> dropped & 1);
  bits &= ~std::uint64_t{0} << dropped;
  const auto rounded = std::bit_cast<double>(bits);
  return std::abs(rounded) > f.max ? std::copysign(std::numeric_limits<double>::infinity(), x)
                                   : rounded;
}

}  // namespace gradepth
