#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <sstream>
#include <utility>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/rows/output.h"
#include "bench/tables/table.h"
#include "bench/timing/machine.h"

/// `info`: hardware, providers, versions, and for each missing provider the reason.
namespace gradepth {
namespace {

struct InfoOptions {
  std::string format = "table";
  bool limits = false;
};

/// One thing that is known: what, its value as JSON, and the unit it is in.
struct Fact {
  std::string what;
  Row value;
  std::string unit;
};

std::vector<Fact> facts(const Row& row) {
  std::vector<Fact> all;
  const auto add = [&](const std::string& what, const Row& value, const std::string& unit = "") {
    all.push_back({what, value, unit});
  };
  add("gradepth", row["version"]);
  for (const char* key : {"commit", "compiler", "flags", "vector", "threads", "load", "command",
                          "schema", "date", "processor", "cores"}) {
    add(key, row[key]);
  }
  add("memory", row["memory_bytes"], "bytes");
  if (!row["limits"].is_null()) {
    for (const Row& b : row["limits"]["bandwidth"]) {
      const double mib = b["working_set"].get<double>() / (1 << 20);
      add("bandwidth in " + significant(mib) + " MiB", b["gb_per_s"], "GB/s");
    }
    add("peak", row["limits"]["gflop_per_s"], "GFLOP/s");
  }
  for (const auto& [name, version] : row["providers"].items()) add("provider " + name, version);
  for (const auto& [name, reason] : row["missing"].items()) {
    add("provider " + name, "missing: " + reason.get<std::string>());
  }
  return all;
}

/// `value`, rounded for a reader.
std::string rounded(const Fact& fact) {
  if (fact.value.is_string()) return fact.value;
  if (fact.value.is_null()) return "unknown";
  if (fact.unit == "bytes") return significant(fact.value.get<double>() / (1 << 30)) + " GiB";
  const std::string text =
      fact.value.is_number_integer() ? fact.value.dump() : significant(fact.value);
  return fact.unit.empty() ? text : text + ' ' + fact.unit + " (measured)";
}

/// Adds the fact to the table, on as many lines of 56 columns as its words need.
void add_wrapped(Table& table, const Fact& fact) {
  constexpr std::size_t width = 56;
  std::string what = fact.what;
  std::string line;
  std::istringstream words(rounded(fact));
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      table.add({std::exchange(what, ""), std::exchange(line, "")});
    }
    line += (line.empty() ? "" : " ") + word;
  }
  table.add({what, line});
}

void run_info(const InfoOptions& options) {
  const std::optional<Limits> limits =
      options.limits ? std::optional(measure_limits()) : std::nullopt;
  Output output(options.format, machinery());
  const std::vector<Fact> known = facts(output.add(info_row(make_providers({}), limits)));
  Table table({"what", "value"});
  std::vector<Row> lines;
  for (const Fact& fact : known) {
    add_wrapped(table, fact);
    lines.push_back({{"what", fact.what}, {"value", fact.value}, {"unit", fact.unit}});
  }
  if (output.is_table()) table.print(std::cout);
  output.print_csv_of({{"what", "/what"}, {"value", "/value"}, {"unit", "/unit"}}, lines);
}

}  // namespace

void add_info_command(CLI::App& app, int& /*exit_status*/) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command =
      app.add_subcommand("info", "hardware, providers, versions, and why a provider is missing");
  command->add_flag("--limits", options->limits,
                    "also measure bandwidth and peak, which takes some seconds");
  add_format_option(*command, options->format);
  command->callback([options] { run_info(*options); });
}

}  // namespace gradepth
