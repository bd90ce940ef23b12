#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <regex>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/rows/output.h"
#include "bench/speed/speed.h"
#include "bench/tables/table.h"
#include "bench/timing/machine.h"

/// `check`: correctness of every provider on every workload.
namespace gradepth {
namespace {

struct CheckOptions {
  std::string preset = "small";
  std::string providers = "all";
  std::string filter = ".";
  std::string format = "table";
  std::string math = "fma";
  std::string variant = "auto";
  std::uint64_t seed = 1;
  std::uint64_t schedule = 0;
};

/// How many workloads of one kind a provider passed, failed and refused.
struct Count {
  int ok = 0;
  int failed = 0;
  int unsupported = 0;
};

int run_check(const CheckOptions& options) {
  const Context context{.schedule = options.schedule,
                        .math = parse_math(options.math),
                        .variant = parse_variant(options.variant)};
  const Providers providers = make_providers(context);
  const std::vector<Provider*> selected = select_providers(providers, options.providers);
  const std::regex filter = compile_filter(options.filter);
  std::map<std::pair<std::string, std::string>, Count> counts;
  bool failed = false;
  Output output(options.format, machinery());
  for (const Workload& workload : workloads(options.preset)) {
    if (!std::regex_search(name(workload.problem), filter)) continue;
    for (Row& made : check_workload(workload, selected, options.seed, context)) {
      const Row& row = output.add(std::move(made));
      const Status status = status_of(row).value();
      Count& count = counts[{std::string(kind(workload.problem)), row["provider"]}];
      ++(status == Status::ok ? count.ok : is_failure(status) ? count.failed : count.unsupported);
      if (is_failure(status)) {
        failed = true;
        std::cerr << row["name"].get<std::string>() << ": " << name(status) << " ("
                  << row["reason"].get<std::string>() << ")\n  repeat: ./bench/run check --preset "
                  << options.preset << " --seed " << options.seed << " --math " << options.math
                  << " --variant " << options.variant << " --provider "
                  << row["provider"].get<std::string>() << " --filter '^"
                  << row["problem"].get<std::string>() << "$'\n";
      }
    }
  }
  if (output.rows().empty()) {
    throw std::invalid_argument("--filter " + options.filter +
                                ": a regular expression that fits a "
                                "workload's name, such as recurrent/lstm");
  }
  Table table({"kind", "provider", "ok", "failed", "unsupported"});
  for (const auto& [key, count] : counts) {
    table.add({key.first, key.second, std::to_string(count.ok), std::to_string(count.failed),
               std::to_string(count.unsupported)});
  }
  if (output.is_table()) table.print(std::cout);
  output.print_csv_of(check_columns(), output.rows());
  return failed ? 1 : 0;
}

}  // namespace

void add_check_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand(
      "check", "compare every provider with the float64 reference on every workload");
  add_name_option(*command, "--preset", options->preset, preset_names(),
                  "which workloads: " + preset_names().list());
  command->add_option("--provider", options->providers, "comma-separated names, or all")
      ->capture_default_str();
  command->add_option("--filter", options->filter, "regular expression on the problem's name")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "seed of the inputs")->capture_default_str();
  command
      ->add_option("--schedule", options->schedule,
                   "seed of the executor's order of threads; 0: in order")
      ->capture_default_str();
  add_math_option(*command, options->math);
  add_variant_option(*command, options->variant);
  add_format_option(*command, options->format);
  command->callback([options, &exit_status] { exit_status = run_check(*options); });
}

}  // namespace gradepth
