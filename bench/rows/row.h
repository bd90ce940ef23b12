#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gradepth {

/// A result with the keys of bench/ROWS.md, in the order in which they were added.
using Row = nlohmann::ordered_json;

/// On one line. Text that is not UTF-8, as names of files may be, is mended.
inline std::string json_text(const Row& value) {
  return value.dump(-1, ' ', false, Row::error_handler_t::replace);
}

/// A text of the row, or empty.
inline std::string text_of(const Row& row, const char* key) {
  return row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : std::string();
}

}  // namespace gradepth
