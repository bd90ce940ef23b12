#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "bench/rows/row.h"

/// Rows as tidy CSV (RFC 4180, lines ended by \n): one header, one line per row.
namespace gradepth {

/// A column: its name, with the unit, and where a row has it.
struct Column {
  std::string name;
  std::string path;  // a JSON pointer: "/rate/low"
};

/// Numbers are written so exactly that they read back the same; what is null, or not in a row, is
/// empty; a list is written as JSON.
class CsvWriter {
 public:
  /// Writes the header.
  CsvWriter(std::ostream& out, const std::vector<Column>& columns);
  void write(const Row& row);

 private:
  std::ostream& out_;
  std::vector<Row::json_pointer> paths_;
};

void print_csv(std::ostream& out, const std::vector<Column>& columns, const std::vector<Row>& rows);

/// The columns that all kinds of rows have around their own: what was run by whom and how it ended;
/// at the end `identity` and where the row comes from.
std::vector<Column> with_common_columns(const std::vector<Column>& own);

}  // namespace gradepth
