#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/text/not_finite.h"

/// Numbers of a row, and back: JSON has neither NaN nor infinity, a row has null.
namespace gradepth::json {

using Value = nlohmann::ordered_json;

inline Value number(double x) { return std::isfinite(x) ? Value(x) : Value(nullptr); }
inline Value number(const std::optional<double>& x) { return x ? number(*x) : Value(nullptr); }

inline Value numbers(const std::vector<double>& x) {
  Value array = Value::array();
  for (const double v : x) array.push_back(number(v));
  return array;
}
/// An absent array is null, not [].
inline Value numbers_or_null(const std::vector<double>& x) {
  return x.empty() ? Value(nullptr) : numbers(x);
}

/// Of growth::Interval and the like.
template <class Interval>
Value interval(const Interval& x) {
  return {{"value", number(x.value)}, {"low", number(x.low)}, {"high", number(x.high)}};
}

/// NaN where there is no number.
inline double real(const Value& value) { return value.is_number() ? value.get<double>() : nan; }
/// By its path: "/rate/value".
inline double real_at(const Value& row, const std::string& path) {
  const Value::json_pointer pointer(path);
  return row.contains(pointer) ? real(row.at(pointer)) : nan;
}

}  // namespace gradepth::json
