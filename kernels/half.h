#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/host_device.h"

#ifdef __CUDA_ARCH__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include <bit>
#endif

/// The 16-bit numbers, for storage: arithmetic is done in float or double, and a result is rounded
/// to 16 bits once.
namespace gradepth {

/// A number of 16 bits: a sign, `ExponentBits` and `FractionBits`. Conversions to it round to
/// nearest, ties to even; subnormals and NaN are kept, overflow gives infinity. On a GPU they are
/// the hardware's, elsewhere bit operations.
template <int ExponentBits, int FractionBits>
struct Half {
  static_assert(1 + ExponentBits + FractionBits == 16);

  std::uint16_t bits;

  HD explicit operator float() const {
#ifdef __CUDA_ARCH__
    if constexpr (ExponentBits == 8) {
      return __bfloat162float(__ushort_as_bfloat16(bits));
    } else {
      return __half2float(__ushort_as_half(bits));
    }
#else
    return widened();
#endif
  }

  HD static Half rounded(float x) {
#ifdef __CUDA_ARCH__
    if constexpr (ExponentBits == 8) {
      return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
    } else {
      return {__half_as_ushort(__float2half_rn(x))};
    }
#else
    return rounded_by_bits(x);
#endif
  }
  HD static Half rounded(double x) {
#ifdef __CUDA_ARCH__
    if constexpr (ExponentBits == 8) {
      return {__bfloat16_as_ushort(__double2bfloat16(x))};
    } else {
      return {__half_as_ushort(__double2half(x))};
    }
#else
    return rounded_by_bits(x);
#endif
  }

#ifndef __CUDA_ARCH__
 private:
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  static constexpr int min_exponent = 1 - bias;  // of a normal number
  static constexpr unsigned infinity = ((1U << ExponentBits) - 1) << FractionBits;  // without sign

  [[nodiscard]] float widened() const {
    if constexpr (ExponentBits == 8) {  // the upper half of a float
      return std::bit_cast<float>(std::uint32_t{bits} << 16);
    } else {
      const std::uint32_t sign = (bits & 0x8000U) << 16;
      const std::uint32_t rest = bits & 0x7fffU;
      std::uint32_t magnitude = (rest << (23 - FractionBits)) + ((127U - bias) << 23);
      if (rest >= infinity) {  // or NaN
        magnitude = 0x7f800000U | (rest - infinity) << (23 - FractionBits);
      } else if (rest >> FractionBits == 0) {  // subnormal here, normal as a float
        constexpr float smallest = 1.0F / (1 << (FractionBits - min_exponent));
        magnitude = std::bit_cast<std::uint32_t>(static_cast<float>(rest) * smallest);
      }
      return std::bit_cast<float>(sign | magnitude);
    }
  }

  static Half rounded_by_bits(double x) {
    constexpr int fraction_bits = 52;  // of a double
    const auto all = std::bit_cast<std::uint64_t>(x);
    const auto sign = static_cast<std::uint16_t>(all >> 48 & 0x8000U);
    const auto with_sign = [sign](std::uint64_t rest) {
      return Half{static_cast<std::uint16_t>(sign | rest)};
    };
    const std::uint64_t fraction = all & ((std::uint64_t{1} << fraction_bits) - 1);
    const int exponent = static_cast<int>(all >> fraction_bits & 0x7ffU) - 1023;
    if (exponent == 1024 && fraction != 0) return with_sign(0x7fffU);  // NaN
    if (exponent > bias) return with_sign(infinity);
    if (exponent < min_exponent - FractionBits - 1) return with_sign(0);

    // Below min_exponent the numbers are as far apart as at it.
    const int grid = exponent < min_exponent ? min_exponent : exponent;
    const int dropped = fraction_bits - FractionBits + (grid - exponent);
    const std::uint64_t significand = fraction | std::uint64_t{1} << fraction_bits;
    const std::uint64_t odd = significand >> dropped & 1U;
    const std::uint64_t half = std::uint64_t{1} << (dropped - 1);
    const std::uint64_t kept = (significand + half - 1 + odd) >> dropped;
    // `kept` has its leading 1 if it is normal: that adds 1 to the exponent, and so does a carry.
    return with_sign(kept + (static_cast<std::uint64_t>(grid - min_exponent) << FractionBits));
  }
#endif
};

/// IEEE binary16: 11 significant bits, from 6e-8 to 65504.
using float16 = Half<5, 10>;
/// 8 significant bits and the range of float.
using bfloat16 = Half<8, 7>;

/// x as a number of type T: float, float16 or bfloat16.
template <class T>
HD T rounded_to(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    return T::rounded(x);
  }
}
template <class T>
HD T rounded_to(double x) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(x);
  } else {
    return T::rounded(x);
  }
}

}  // namespace gradepth
