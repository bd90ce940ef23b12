#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <regex>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/compare/rows.h"
#include "bench/compare/runs.h"
#include "bench/rows/output.h"
#include "bench/tables/compare.h"
#include "bench/timing/machine.h"
#include "host/problem/identity.h"

/// `compare`: the rows of speed and growth of two runs, as a gate.
namespace gradepth {
namespace {

struct CompareOptions {
  std::string before, after;
  std::string filter;
  CompareRules rules;
  bool all = false;
  std::string format = "table";
};

std::string identity(const CompareOptions& options) {
  return IdentityText()
      .add("kind", "compare")
      .add("before", checksum_of_run(options.before))
      .add("after", checksum_of_run(options.after))
      .add("threshold", options.rules.threshold)
      .add("other_machine", options.rules.other_machine)
      .add("filter", options.filter)
      .text();
}

int run_compare(const CompareOptions& options) {
  const bool in_range = options.rules.threshold >= 0 && options.rules.threshold <= 100;
  if (!in_range) {
    throw std::invalid_argument("--threshold " + std::to_string(options.rules.threshold) +
                                ": a number from 0 to 100");
  }
  const std::regex filter = compile_filter(options.filter);
  const auto wanted = [&](const std::string& name) { return std::regex_search(name, filter); };
  const ComparedRun before = read_compared_run(options.before, wanted);
  const ComparedRun after = read_compared_run(options.after, wanted);
  const RunComparison comparison = compare_runs(before, after, options.rules);
  Output output(options.format, machinery());
  print_comparison(comparison, identity(options), options.all, output, std::cout);
  std::cerr << comparison.common << (comparison.common == 1 ? " row in both: " : " rows in both: ")
            << (comparison.failures.empty() ? "passed" : "failed") << '\n';
  for (const std::string& failure : comparison.failures) std::cerr << "  " << failure << '\n';
  return comparison.failures.empty() ? 0 : 1;
}

}  // namespace

void add_compare_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      app.add_subcommand("compare", "two runs side by side; exit status 1 on a regression");
  command->add_option("BEFORE", options->before, "results.jsonl, or its folder")->required();
  command->add_option("AFTER", options->after, "results.jsonl, or its folder")->required();
  command
      ->add_option("--threshold", options->rules.threshold,
                   "a row is slower when its time is beyond 1 + this, and not by chance")
      ->capture_default_str();
  command->add_option("--filter", options->filter, "regular expression on names: only those rows");
  command->add_flag("--all", options->all, "also rows that did not change");
  command->add_flag("--allow-other-machine", options->rules.other_machine,
                    "take rows of another processor, number of threads, vector width or GPU");
  add_format_option(*command, options->format);
  command->callback([options, &exit_status] { exit_status = run_compare(*options); });
}

}  // namespace gradepth
