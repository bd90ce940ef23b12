#pragma once

#include <iosfwd>
#include <vector>

#include "bench/rows/csv.h"

namespace gradepth {

/// Rows of the meter, two tables within 80 columns: what was counted, and the model's times.
void print_meter_tables(const std::vector<Row>& rows, std::ostream& out);
/// All numbers of the first table and the model, for CSV.
std::vector<Column> meter_columns(const std::vector<Row>& rows);

}  // namespace gradepth
