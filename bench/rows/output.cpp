#include "bench/rows/output.h"

#include <iostream>

#include "bench/rows/standard_output.h"

namespace gradepth {

const Row& Output::add(Row row) {
  add_origin(row, machinery_);
  if (keep_) keep_(row);
  return add_earlier(std::move(row));
}

const Row& Output::add_earlier(Row row) {
  rows_.push_back(std::move(row));
  if (format_ == "json") {
    std::cout << json_text(rows_.back()) << '\n';
    flush_standard_output();
  }
  return rows_.back();
}

void Output::print_csv_of(const std::vector<Column>& columns, const std::vector<Row>& rows) const {
  if (format_ == "csv") print_csv(std::cout, columns, rows);
}

}  // namespace gradepth
