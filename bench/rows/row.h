#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/text/status.h"
#include "host/text/value_named.h"

namespace gradepth {

/// A result with the keys of bench/ROWS.md, in the order in which they were added.
using Row = nlohmann::ordered_json;

/// A text of the row, or empty.
inline std::string text_of(const Row& row, const char* key) {
  return row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : std::string();
}

/// None where the row has none, or one that is not known.
inline std::optional<Status> status_of(const Row& row) {
  return value_named<Status>(status_names, text_of(row, "status"));
}

inline bool is_failure(const Row& row) {
  const std::optional<Status> status = status_of(row);
  return status && is_failure(*status);
}

inline void set_status(Row& row, Status status, const std::string& reason) {
  row["status"] = name(status);
  row["reason"] = reason;
}

/// On one line. Text that is not UTF-8, as names of files may be, is mended.
inline std::string json_text(const Row& value) {
  return value.dump(-1, ' ', false, Row::error_handler_t::replace);
}

}  // namespace gradepth
