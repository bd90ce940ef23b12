#include "bench/tables/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <string_view>

namespace gradepth {
namespace {

bool is_numeric(const std::string& cell) {
  return !cell.empty() && std::string_view("0123456789+-.").find(cell[0]) != std::string_view::npos;
}

/// Columns on the screen: bytes that continue a UTF-8 character take none.
std::size_t width(const std::string& cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<std::string> header) : rows_{std::move(header)} {}

void Table::add(std::vector<std::string> row) {
  if (row.size() != rows_[0].size()) throw std::invalid_argument("table: a row of another width");
  rows_.push_back(std::move(row));
}

void Table::print(std::ostream& out) const {
  const std::size_t columns = rows_[0].size();
  std::vector<std::size_t> widths(columns, 0);
  std::vector<bool> right(columns, rows_.size() > 1);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], width(rows_[r][c]));
      if (r > 0) right[c] = right[c] && (rows_[r][c].empty() || is_numeric(rows_[r][c]));
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string padding(widths[c] - width(row[c]), ' ');
      line += (c > 0 ? "  " : "") + (right[c] ? padding + row[c] : row[c] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string wrapped(const std::string& text, std::size_t indent, std::size_t columns) {
  std::string lines;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = std::min(text.size(), at + columns - indent);
    const std::size_t blank = text.rfind(' ', end);
    if (end < text.size() && blank != std::string::npos && blank > at) end = blank;
    lines += std::string(indent, ' ') + text.substr(at, end - at) + '\n';
    at = text.find_first_not_of(' ', end);
  }
  return lines;
}

std::string significant(double x, int digits) {
  if (std::isnan(x)) return "-";
  char text[64];
  const double magnitude = std::abs(x);
  if (x != 0 && std::isfinite(x) && (magnitude < 1e-3 || magnitude >= 99999.5)) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, x);
    return text;
  }
  if (x == 0 || !std::isfinite(x)) {
    std::snprintf(text, sizeof text, "%g", x);
    return text;
  }
  const int decimals =
      std::max(0, digits - 1 - static_cast<int>(std::floor(std::log10(magnitude))));
  std::snprintf(text, sizeof text, "%.*f", decimals, x);
  return text;
}

}  // namespace gradepth
