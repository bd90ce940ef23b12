#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace gradepth {

/// A plain-text table. Columns are as wide as their widest cell; numbers (cells that start with a
/// digit, sign or dot) are right-aligned. Keep the sum of widths within 80 columns.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  /// std::invalid_argument if the row has not as many cells as the header.
  void add(std::vector<std::string> row);
  void print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;  // rows_[0] is the header
};

/// `text` in lines of at most `columns`, broken between words, each after `indent` blanks.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t columns = 80);

/// x with `digits` significant digits, without exponent between 0.001 and 99999; "-" for NaN.
std::string significant(double x, int digits = 3);

}  // namespace gradepth
