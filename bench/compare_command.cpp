#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "bench/commands.h"
#include "bench/common_options.h"
#include "bench/speed.h"
#include "bench/table.h"

/// `compare`: the speed rows of two runs side by side.
namespace gradepth {
namespace {

struct CompareOptions {
  std::string before, after;
  double threshold = 0.05;
  std::string format = "table";
};

/// The speed rows of a file of results, or of a folder that holds one, by name.
/// std::invalid_argument when it cannot be read or a line is no row.
std::map<std::string, Row> read_speed_rows(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path file = fs::is_directory(path) ? fs::path(path) / "results.jsonl" : fs::path(path);
  std::ifstream in(file);
  if (!in)
    throw std::invalid_argument(file.string() + ": cannot read it; a file or folder of results");
  std::map<std::string, Row> rows;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    try {
      Row row = Row::parse(line);
      if (row.at("kind") != "speed") continue;
      std::string name = row.at("name");
      rows.insert_or_assign(std::move(name), std::move(row));
    } catch (const Row::exception&) {
      throw std::invalid_argument(file.string() + " line " + std::to_string(number) +
                                  ": not a row of results");
    }
  }
  if (rows.empty()) throw std::invalid_argument(file.string() + ": no rows of speed in it");
  return rows;
}

/// A number of a row that may come from anywhere; NaN if it is none.
double number(const Row& row, const char* key) {
  return row.contains(key) && row[key].is_number() ? row[key].get<double>() : std::nan("");
}
bool is_ok(const Row& row) { return row.contains("status") && row["status"] == "ok"; }

/// Compares one row of both runs: after's time over before's, with an interval of 95 % from the
/// noise of both medians, which are independent: 1.96 standard errors of the ratio's logarithm.
Row compare_rows(const std::string& name, const Row& before, const Row& after, double threshold) {
  Row result{{"kind", "compare"}, {"name", name}};
  const double ratio = number(after, "ms") / number(before, "ms");
  if (!is_ok(before) || !is_ok(after) || !(ratio > 0) || !std::isfinite(ratio)) {
    const bool broke = is_ok(before) && !is_ok(after);
    result["verdict"] = broke ? "broken" : is_ok(after) && !is_ok(before) ? "mended" : "no time";
    return result;
  }
  const double error = 1.96 * std::hypot(number(before, "noise"), number(after, "noise"));
  const double low = ratio * std::exp(-error);
  const double high = ratio * std::exp(error);
  result["before_ms"] = before["ms"];
  result["after_ms"] = after["ms"];
  result["ratio"] = {{"value", ratio}, {"low", low}, {"high", high}};
  result["verdict"] = low > 1 + threshold          ? "slower"
                      : high < 1 / (1 + threshold) ? "faster"
                                                   : "same";
  return result;
}

int run_compare(const CompareOptions& options) {
  const std::map<std::string, Row> before = read_speed_rows(options.before);
  const std::map<std::string, Row> after = read_speed_rows(options.after);
  Table table({"row", "before", "after", "ratio", "verdict"});  // the interval is in the JSON
  int worse = 0;
  int common = 0;
  for (const auto& [name, row] : before) {
    const auto found = after.find(name);
    if (found == after.end()) continue;
    ++common;
    const Row result = compare_rows(name, row, found->second, options.threshold);
    const std::string verdict = result["verdict"];
    worse += verdict == "slower" || verdict == "broken" ? 1 : 0;
    if (options.format == "json") std::cout << result.dump() << '\n';
    if (!result.contains("ratio")) {
      table.add({name, "-", "-", "-", verdict});
    } else {
      table.add({name, significant(result["before_ms"].get<double>()),
                 significant(result["after_ms"].get<double>()),
                 significant(result["ratio"]["value"].get<double>()), verdict});
    }
  }
  if (options.format == "table") table.print(std::cout);
  if (options.format == "csv") table.print_csv(std::cout);
  std::cerr << common << " rows in both, " << before.size() - static_cast<std::size_t>(common)
            << " only before, " << after.size() - static_cast<std::size_t>(common)
            << " only after; " << worse << " slower or broken\n";
  return worse > 0 ? 1 : 0;
}

}  // namespace

void add_compare_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      app.add_subcommand("compare", "the speed rows of two runs; exit status 1 on a regression");
  command->add_option("BEFORE", options->before, "results.jsonl, or its folder")->required();
  command->add_option("AFTER", options->after, "results.jsonl, or its folder")->required();
  command
      ->add_option("--threshold", options->threshold,
                   "a row is slower when its whole interval lies above 1 + this")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  add_format_option(*command, options->format);
  command->callback([options, &exit_status] { exit_status = run_compare(*options); });
}

}  // namespace gradepth
