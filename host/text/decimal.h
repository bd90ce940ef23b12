#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

/// Numbers as people write them, the same in every flag, value and file: decimal alone, so that 010
/// is 10 and 0x3 none, the whole text, with or without a sign.
namespace gradepth {
namespace detail {

template <class T>
std::optional<T> from_decimal(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace detail

/// A whole number that T holds: digits alone, so no 1e3.
template <std::integral T>
std::optional<T> decimal_whole(std::string_view text) {
  return detail::from_decimal<T>(text);
}

/// A finite number.
inline std::optional<double> decimal_number(std::string_view text) {
  const std::optional<double> value = detail::from_decimal<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

/// The fewest digits that read back as x.
inline std::string shortest(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

/// In six digits where they say it all, else in as many as it takes.
inline std::string readable(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", x);
  return decimal_number(text) == x ? text : shortest(x + 0.0);
}

}  // namespace gradepth
