#include "bench/tables/sweep.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <numbers>
#include <ostream>
#include <sstream>

#include "bench/tables/growth.h"
#include "bench/tables/table.h"
#include "host/text/json.h"
#include "host/text/not_finite.h"

namespace gradepth {
namespace {

using growth::SweepAxis;

std::string verdict(const Row& row) {
  if (status_of(row) == Status::ok) return row.value("verdict", "");
  return row.value("status", "missing");
}

/// As short as it can be said: 0.1 and 3.
std::string shortest(double x) {
  std::ostringstream text;
  text << std::setprecision(12) << x;
  return text.str();
}

std::vector<std::string> values_of(const Row& row, const std::vector<SweepAxis>& axes) {
  std::vector<std::string> cells;
  cells.reserve(axes.size());
  for (const SweepAxis& axis : axes) {
    cells.push_back(shortest(json::real_at(row, "/sweep/" + axis.key)));
  }
  return cells;
}

/// `width` signs with the zero of the rate in the middle.
std::string bar(double rate, double largest) {
  constexpr long half = 9;
  std::string signs(2 * half + 1, ' ');
  signs[half] = '|';
  if (!std::isfinite(rate) || largest <= 0) return signs;
  const long n = std::clamp(std::lround(rate / largest * half), -half, half);
  for (long i = 1; i <= std::abs(n); ++i) {
    signs[static_cast<std::size_t>(half + (n < 0 ? -i : i))] = n < 0 ? '<' : '>';
  }
  return signs;
}

void print_list(std::ostream& out, const std::vector<SweepAxis>& axes,
                const std::vector<Row>& rows) {
  std::vector<std::string> header;
  header.reserve(axes.size() + 6);
  for (const SweepAxis& axis : axes) header.push_back(axis.key);
  for (const char* name : {"rate", "low", "high", "theory", "verdict"}) header.emplace_back(name);
  const bool has_windows =
      std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.contains("window"); });
  const bool has_bars = axes.size() == 1 && !has_windows;
  if (has_windows) header.insert(header.end(), {"gains from", "to"});
  if (has_bars) header.emplace_back("rate, 0 at |");
  double largest = 0;
  for (const Row& row : rows) {
    const double rate = std::abs(json::real_at(row, "/rate/value"));
    if (std::isfinite(rate)) largest = std::max(largest, rate);
  }
  out << "ln of the gradient's norm per step back from the loss, with 95 % intervals\n\n";
  Table table(header);
  for (const Row& row : rows) {
    std::vector<std::string> cells = values_of(row, axes);
    for (const char* path : {"/rate/value", "/rate/low", "/rate/high", "/theory/rate"}) {
      cells.push_back(significant(json::real_at(row, path)));
    }
    cells.push_back(verdict(row));
    if (has_windows) {
      for (const char* path : {"/window/low", "/window/high"}) {
        cells.push_back(significant(json::real_at(row, path)));
      }
    }
    if (has_bars) cells.push_back(bar(json::real_at(row, "/rate/value"), largest));
    table.add(cells);
  }
  table.print(out);
}

/// A sign for ln of the gradient's change over the whole depth.
char sign(const Row& row) {
  const std::string word = verdict(row);
  const double total = json::real_at(row, "/total/value") / std::numbers::ln10;
  if (word == "zero") return '0';
  if (word == "overflowed") return '#';
  if (word == "underflowed") return '_';
  if (!std::isfinite(total)) return '?';
  if (total > 3) return '*';
  if (total > 1) return '+';
  if (total < -3) return '=';
  return total < -1 ? '-' : '.';
}

/// Whether theory's critical gain lies between this value of the gain and the next.
bool contour_follows(const Row& row, const std::vector<double>& gains, std::size_t i) {
  const double critical = json::real_at(row, "/theory/critical_sigma");
  return i + 1 < gains.size() && gains[i] <= critical && critical < gains[i + 1];
}

void print_grid(std::ostream& out, const std::vector<SweepAxis>& axes,
                const std::vector<Row>& rows) {
  const bool across_first = axes[0].key == "gain";
  const SweepAxis& across = axes[across_first ? 0 : 1];
  const SweepAxis& down = axes[across_first ? 1 : 0];
  const std::size_t columns = across.values.size();
  out << down.key << " (down) and " << across.key << " (across, " << shortest(across.values.front())
      << " to " << shortest(across.values.back()) << "): change of the gradient's norm\n\n";
  for (std::size_t j = down.values.size(); j-- > 0;) {
    const std::string label = shortest(down.values[j]);
    out << std::string(label.size() < 8 ? 8 - label.size() : 0, ' ') << label << ' ';
    for (std::size_t i = 0; i < columns; ++i) {
      const Row& row = rows[across_first ? i * down.values.size() + j : j * columns + i];
      const bool contour = across.key == "gain" && contour_follows(row, across.values, i);
      out << sign(row) << (contour ? "|" : columns <= 35 ? " " : "");
    }
    out << '\n';
  }
  out << "\n* + more than 1000, 10 times larger   . within a factor of 10   - = smaller\n"
         "# overflowed   _ underflowed   0 gradient is 0   ? not measured"
      << (across.key == "gain" ? "   | chi = 1\n" : "\n");
}

}  // namespace

std::vector<SweepAxis> axes_of(const std::vector<Row>& rows) {
  std::vector<SweepAxis> axes;
  for (const Row& row : rows) {
    for (const auto& [key, value] : row.at("sweep").items()) {
      const auto same_key = [&, name = key](const SweepAxis& a) { return a.key == name; };
      auto axis = std::find_if(axes.begin(), axes.end(), same_key);
      if (axis == axes.end()) axis = axes.insert(axis, {key, {}});
      const double x = value.get<double>();
      if (std::find(axis->values.begin(), axis->values.end(), x) == axis->values.end()) {
        axis->values.push_back(x);
      }
    }
  }
  return axes;
}

void print_sweep(std::ostream& out, const std::vector<SweepAxis>& axes,
                 const std::vector<Row>& rows) {
  const bool grid = axes.size() == 2 && axes[0].values.size() > 1 && axes[1].values.size() > 1 &&
                    (axes[0].key == "gain" ? axes[0] : axes[1]).values.size() <= 70;
  if (grid) {
    print_grid(out, axes, rows);
  } else {
    print_list(out, axes, rows);
  }
}

void print_sweep_csv(std::ostream& out, const std::vector<SweepAxis>& axes,
                     const std::vector<Row>& rows) {
  std::vector<Column> columns;
  columns.reserve(axes.size() + 1);
  for (const SweepAxis& axis : axes) columns.push_back({axis.key, "/sweep/" + axis.key});
  const bool has_depth = std::any_of(axes.begin(), axes.end(),
                                     [](const SweepAxis& axis) { return axis.key == "depth"; });
  if (!has_depth) columns.push_back({"depth", "/depth"});
  const std::vector<Column> of_net = growth_columns();
  columns.insert(columns.end(), of_net.begin(), of_net.end());
  print_csv(out, with_common_columns(columns), rows);
}

}  // namespace gradepth
