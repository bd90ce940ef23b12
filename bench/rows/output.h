#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/rows/csv.h"
#include "bench/rows/origin.h"

namespace gradepth {

/// The way of every row out of a command: each gets its origin here, and is printed as `--format`
/// says. Tables are printed by the command itself, from rows().
class Output {
 public:
  /// `keep` (may be empty) gets each new row before it is printed: a file of results.
  Output(std::string format, Machinery machinery, std::function<void(const Row&)> keep = {})
      : format_(std::move(format)), machinery_(std::move(machinery)), keep_(std::move(keep)) {}

  /// The row with its origin; with `--format json` it is printed at once. std::runtime_error when
  /// standard output cannot be written.
  const Row& add(Row row);
  /// The same for a row that an earlier run has made and kept: it stays as it is.
  const Row& add_earlier(Row row);
  /// With `--format csv` prints these rows; else nothing.
  void print_csv_of(const std::vector<Column>& columns, const std::vector<Row>& rows) const;

  [[nodiscard]] bool is_table() const { return format_ == "table"; }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  std::string format_;
  Machinery machinery_;
  std::function<void(const Row&)> keep_;
  std::vector<Row> rows_;
};

}  // namespace gradepth
