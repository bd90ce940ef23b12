#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

/// A closed set is an enum whose values are the places of their names in one constexpr list beside
/// it: `name` writes a value, value_named reads one. Between the two there is no text.
namespace gradepth {

/// None for a text that is no name of the list.
template <class Value, std::size_t n>
constexpr std::optional<Value> value_named(const std::array<std::string_view, n>& names,
                                           std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Value>(found - names.begin());
}

}  // namespace gradepth
