#pragma once

#include <string_view>
#include <type_traits>

#include "kernels/half.h"

namespace gradepth {

/// The name of a format as rows have it.
template <class T>
constexpr std::string_view dtype_name() {
  if constexpr (std::is_same_v<T, float>) return "f32";
  if constexpr (std::is_same_v<T, float16>) return "f16";
  return "bf16";
}

/// Half the distance from 1 to the next number: the relative error of rounding once.
template <class T>
constexpr double roundoff() {
  if constexpr (std::is_same_v<T, float>) return 0x1p-24;
  if constexpr (std::is_same_v<T, float16>) return 0x1p-11;
  return 0x1p-8;
}

template <class T>
double as_double(T x) {
  return static_cast<double>(static_cast<float>(x));
}

}  // namespace gradepth
