#include "host/draw/matrix_file.h"

#include <fstream>
#include <optional>
#include <stdexcept>

#include "host/draw/weights_file.h"
#include "host/text/decimal.h"

namespace gradepth {
namespace {

constexpr std::size_t max_numbers = std::size_t{1} << 28;
constexpr std::size_t max_cell = 400;  // characters; a file may be one endless line

/// The text up to the next comma or end of line, which `end` gets, or EOF; at most max_cell of it.
std::string next_cell(std::streambuf& in, int& end) {
  using Traits = std::streambuf::traits_type;
  std::string cell;
  while ((end = in.sbumpc()) != ',' && end != '\n' && end != Traits::eof()) {
    if (cell.size() == max_cell) break;
    if (!cell.empty() || end != ' ') cell += Traits::to_char_type(end);
  }
  cell.erase(cell.find_last_not_of(" \r") + 1);
  return cell;
}

double parse_cell(const std::string& cell, std::int64_t row, std::int64_t column) {
  const std::optional<double> value = decimal_number(cell);
  if (!value || cell.size() >= max_cell) {
    const bool marked = row == 1 && column == 1 && cell.starts_with("\xEF\xBB\xBF");
    if (marked) throw std::invalid_argument("it starts with a byte order mark; save it without");
    throw std::invalid_argument("row " + std::to_string(row) + ", column " +
                                std::to_string(column) + " is " + printable(cell) +
                                "; a finite number is needed");
  }
  return *value;
}

}  // namespace

Tensor read_csv_matrix(const std::string& path) {
  require_regular_file(path);
  const std::ifstream file(path, std::ios::binary);
  if (!file) throw std::invalid_argument("the file cannot be opened for reading");
  Tensor matrix({0, 0});
  std::int64_t& rows = matrix.shape[0];
  std::int64_t& columns = matrix.shape[1];
  std::int64_t column = 0;  // cells of this row so far
  for (int end = '\n'; end != std::streambuf::traits_type::eof();) {
    const std::string cell = next_cell(*file.rdbuf(), end);
    if (cell.empty() && column == 0 && end != ',') continue;  // an empty line
    matrix.data.push_back(parse_cell(cell, rows + 1, ++column));
    if (matrix.size() > max_numbers) {
      throw std::invalid_argument("more than " + std::to_string(max_numbers) + " numbers");
    }
    if (end == ',') continue;
    if (rows == 0) columns = column;
    if (column != columns) {
      throw std::invalid_argument("row " + std::to_string(rows + 1) + " has " +
                                  std::to_string(column) + " columns, the first has " +
                                  std::to_string(columns));
    }
    ++rows;
    column = 0;
  }
  if (rows == 0) throw std::invalid_argument("the file holds no numbers");
  return matrix;
}

}  // namespace gradepth
