#include <CLI/CLI.hpp>
#include <iostream>

#include "bench/commands.h"
#include "bench/common_options.h"
#include "bench/machine.h"
#include "bench/table.h"

/// `info`: hardware, providers, versions, and for each missing provider the reason.
namespace gradepth {
namespace {

void run_info(const std::string& format) {
  const nlohmann::ordered_json row = info_row(make_providers({}), measure_limits());
  if (format == "json") {
    std::cout << row.dump() << '\n';
    return;
  }
  Table table({"what", "value"});
  table.add({"gradepth", row["version"]});
  table.add({"processor", row["processor"]});
  table.add({"cores", std::to_string(row["cores"].get<int>())});
  table.add({"memory", significant(row["memory_bytes"].get<double>() / (1 << 30)) + " GiB"});
  table.add({"compiler", row["compiler"]});
  for (const auto& b : row["limits"]["bandwidth"]) {
    table.add({"bandwidth in " + significant(b["working_set"].get<double>() / (1 << 20)) + " MiB",
               significant(b["gb_per_s"].get<double>()) + " GB/s (triad, measured)"});
  }
  table.add({"peak", significant(row["limits"]["gflop_per_s"].get<double>()) +
                         " GFLOP/s (f32 FMA, measured)"});
  for (const auto& [name, version] : row["providers"].items()) {
    table.add({"provider " + name, version});
  }
  for (const auto& [name, reason] : row["missing"].items()) {
    table.add({"provider " + name, "missing: " + reason.get<std::string>()});
  }
  if (format == "csv") {
    table.print_csv(std::cout);
  } else {
    table.print(std::cout);
  }
}

}  // namespace

void add_info_command(CLI::App& app, int& /*exit_status*/) {
  auto format = std::make_shared<std::string>("table");
  CLI::App* command =
      app.add_subcommand("info", "hardware, providers, versions, and why a provider is missing");
  add_format_option(*command, *format);
  command->callback([format] { run_info(*format); });
}

}  // namespace gradepth
