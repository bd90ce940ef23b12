#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace gradepth {

/// Rows of the meter, two tables within 80 columns: what was counted, and the model's times.
void print_meter_tables(const std::vector<nlohmann::ordered_json>& rows, std::ostream& out);
/// All numbers of the first table and the model, one line per row.
void print_meter_csv(const std::vector<nlohmann::ordered_json>& rows, std::ostream& out);

}  // namespace gradepth
