#include "bench/tables/compare.h"

#include <cmath>
#include <ostream>

#include "bench/tables/table.h"
#include "bench/timing/measure.h"
#include "host/text/json.h"

namespace gradepth {
namespace {

bool is_shown(const ComparedRow& row, bool all) {
  return all || (row.verdict != "same" && row.verdict != "no time");
}

std::string rate_text(const growth::Interval& x) {
  std::string text = significant(x.value);
  if (x.low && x.high) text += " [" + significant(*x.low) + ", " + significant(*x.high) + ']';
  return text;
}

/// A ratio near 1 needs its decimals.
std::string ratio_text(const growth::Interval& x) {
  const auto text = [](double ratio) { return significant(ratio, ratio < 1 ? 3 : 4); };
  return text(x.value) + (x.low && x.high ? " [" + text(*x.low) + ", " + text(*x.high) + ']' : "");
}

/// The name has a line of its own, since it may take all columns; what was found goes below it.
void print_row(const ComparedRow& row, std::ostream& out) {
  constexpr std::size_t verdict_width = 12;
  out << wrapped(row.name, 0);
  std::string line = row.verdict + std::string(verdict_width - row.verdict.size(), ' ');
  if (!std::isnan(row.before.value) || !std::isnan(row.after.value)) {
    const std::string both =
        row.is_growth
            ? rate_text(row.before) + " -> " + rate_text(row.after) + " per step"
            : significant(row.before.value) + " -> " + significant(row.after.value) + " ms";
    if (!std::isnan(row.ratio.value)) line += ratio_text(row.ratio) + "  ";
    line += both;
  }
  out << "  " << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  if (!row.reason.empty()) out << wrapped(row.reason, 2 + verdict_width);
}

void print_table(const RunComparison& comparison, bool all, std::ostream& out) {
  std::size_t hidden = 0;
  bool first = true;
  for (const ComparedRow& row : comparison.rows) {
    if (!is_shown(row, all)) {
      ++hidden;
      continue;
    }
    if (first) out << "row\n  verdict     after/before [95 % interval]  before -> after\n";
    first = false;
    print_row(row, out);
  }
  if (hidden > 0) {
    out << hidden << (hidden == 1 ? " row" : " rows") << " did not change (--all shows all)\n";
  }
  if (comparison.ratios > 0) {
    out << "geometric mean of " << comparison.ratios
        << (comparison.ratios == 1 ? " ratio: " : " ratios: ") << ratio_text(comparison.mean_ratio)
        << '\n';
  }
  if (comparison.pace_spread > least_noise) {
    out << wrapped("the machine's pace varied by " + significant(100 * comparison.pace_spread, 2) +
                       " % (standard deviation): smaller changes are hard to tell",
                   0);
  }
}

Row to_json(const growth::Interval& x) {
  if (std::isnan(x.value)) return nullptr;
  return {{"value", x.value},
          {"low", x.low ? Row(*x.low) : Row(nullptr)},
          {"high", x.high ? Row(*x.high) : Row(nullptr)}};
}

Row to_json(const ComparedRow& row, const std::string& identity) {
  Row json{{"kind", "compare"}, {"name", row.name}, {"of", row.is_growth ? "growth" : "speed"}};
  if (row.is_growth) {
    json["before_rate"] = to_json(row.before);
    json["after_rate"] = to_json(row.after);
  } else {
    json["before_ms"] = json::number(row.before.value);
    json["after_ms"] = json::number(row.after.value);
    json["ratio"] = to_json(row.ratio);
  }
  json["verdict"] = row.verdict;
  json["reason"] = row.reason;
  json["identity"] = identity;
  return json;
}

/// The last row: of the whole comparison.
Row summary(const RunComparison& comparison, const std::string& identity) {
  Row json{{"kind", "compare"}, {"name", "all"}, {"of", "all"}, {"common", comparison.common}};
  json["ratios"] = comparison.ratios;
  json["ratio"] = to_json(comparison.mean_ratio);
  json["pace_spread"] = comparison.pace_spread;
  json["verdict"] = comparison.failures.empty() ? "passed" : "failed";
  std::string reason;
  for (const std::string& failure : comparison.failures) {
    reason.append(reason.empty() ? "" : "; ").append(failure);
  }
  json["reason"] = reason;
  json["identity"] = identity;
  return json;
}

/// Such a row for CSV, where both kinds share their columns.
Row csv_row(Row row, const ComparedRow& compared) {
  row["unit"] = compared.is_growth ? "ln per step" : "ms";
  row["before"] = to_json(compared.before);
  row["after"] = to_json(compared.after);
  return row;
}

std::vector<Column> csv_columns() {
  std::vector<Column> columns{{"of", "/of"}, {"unit", "/unit"}};
  for (const std::string value : {"before", "after", "ratio"}) {
    columns.push_back({value, '/' + value + "/value"});
    columns.push_back({value + "_low", '/' + value + "/low"});
    columns.push_back({value + "_high", '/' + value + "/high"});
  }
  columns.push_back({"verdict", "/verdict"});
  return with_common_columns(columns);
}

}  // namespace

void print_comparison(const RunComparison& comparison, const std::string& identity, bool all,
                      Output& output, std::ostream& out) {
  if (output.is_table()) return print_table(comparison, all, out);
  std::vector<Row> lines;
  for (const ComparedRow& row : comparison.rows) {
    if (!is_shown(row, all)) continue;
    lines.push_back(csv_row(output.add(to_json(row, identity)), row));
  }
  output.add(summary(comparison, identity));
  output.print_csv_of(csv_columns(), lines);
}

}  // namespace gradepth
