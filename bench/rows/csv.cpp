#include "bench/rows/csv.h"

#include <ostream>

#include "bench/rows/origin.h"

namespace gradepth {
namespace {

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string text = "\"";
  for (const char c : cell) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

/// The string with whatever is not UTF-8 mended, as json_text does.
std::string valid_utf8(const Row& text) { return Row::parse(json_text(text)).get<std::string>(); }

std::string cell(const Row& row, const Row::json_pointer& path) {
  if (!row.contains(path)) return {};
  const Row& value = row.at(path);
  if (value.is_null()) return {};
  return quoted(value.is_string() ? valid_utf8(value) : json_text(value));
}

}  // namespace

CsvWriter::CsvWriter(std::ostream& out, const std::vector<Column>& columns) : out_(out) {
  for (const Column& column : columns) {
    out_ << (paths_.empty() ? "" : ",") << quoted(column.name);
    paths_.emplace_back(column.path);
  }
  out_ << '\n';
}

void CsvWriter::write(const Row& row) {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    out_ << (i > 0 ? "," : "") << cell(row, paths_[i]);
  }
  out_ << '\n';
}

void print_csv(std::ostream& out, const std::vector<Column>& columns,
               const std::vector<Row>& rows) {
  CsvWriter csv(out, columns);
  for (const Row& row : rows) csv.write(row);
}

std::vector<Column> with_common_columns(const std::vector<Column>& own) {
  std::vector<Column> columns;
  for (const char* key : {"kind", "name", "provider", "dtype", "status", "reason"}) {
    columns.push_back({key, std::string("/") + key});
  }
  columns.insert(columns.end(), own.begin(), own.end());
  columns.push_back({"identity", "/identity"});
  for (const char* key : origin_keys) columns.push_back({key, std::string("/") + key});
  return columns;
}

}  // namespace gradepth
