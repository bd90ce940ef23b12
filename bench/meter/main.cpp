// `meter`: deterministic costs of the kernels, counted on the executor. A program of its own, since
// its kernels are compiled by clang with a call for every load and store.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <regex>

#include "bench/cli/command_line.h"
#include "bench/cli/names.h"
#include "bench/meter/metered.h"
#include "bench/meter/tables.h"
#include "bench/rows/output.h"
#include "bench/rows/standard_output.h"

namespace {

using namespace gradepth;

struct Options {
  std::string format = "table";
  std::string filter = ".";
  std::string gpu = "all";
  MeterSettings settings;
};

std::vector<Gpu> select_gpus(const std::string& wanted) {
  std::vector<std::string> known;
  for (const Gpu& gpu : gpus()) known.emplace_back(gpu.name);
  known.emplace_back("all");
  const std::string name = Names(known).canonical("--gpu", wanted);
  std::vector<Gpu> selected;
  for (const Gpu& gpu : gpus()) {
    if (name == "all" || name == gpu.name) selected.push_back(gpu);
  }
  return selected;
}

std::regex compile_filter(const std::string& filter) {
  try {
    return std::regex(filter);
  } catch (const std::regex_error&) {
    throw std::invalid_argument("--filter " + filter + ": not a regular expression");
  }
}

int run_meter(const Options& options) {
  const std::vector<Gpu> selected = select_gpus(options.gpu);
  const std::regex filter = compile_filter(options.filter);
  // The counts come from kernels that are run thread by thread: no vector code is in them.
  Output output(options.format, {"none", static_cast<int>(options.settings.workers)});
  bool failed = false;
  for (const Case& which : meter_cases()) {
    if (!std::regex_search(which.name + "/simt", filter)) continue;
    const Metered metered = run_case(which, options.settings);
    output.add(meter_row(which, metered, options.settings.seed, selected));
    if (metered.status == Status::ok) continue;
    failed = true;
    std::cerr << which.name << ": " << name(metered.status) << " (" << metered.reason << ")\n";
  }
  if (output.rows().empty()) {
    throw std::invalid_argument("--filter " + options.filter +
                                ": a regular expression that fits a case's name, such as "
                                "activation/backward");
  }
  if (output.is_table()) print_meter_tables(output.rows(), std::cout);
  output.print_csv_of(meter_columns(output.rows()), output.rows());
  return failed ? 1 : 0;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app{
      "meter: counts what the kernels do, on the executor: bytes, sectors, bank conflicts,\n"
      "barriers, launches, beside the least that each problem allows. Times are a model's."};
  app.name("meter");
  app.add_option("--format", options.format, format_names().list())
      ->capture_default_str()
      ->transform(
          [](const std::string& text) { return format_names().canonical("--format", text); });
  app.add_option("--filter", options.filter, "regular expression on the case's name")
      ->capture_default_str();
  app.add_option("--gpu", options.gpu, "predict for A100, H100, H200, RTX4090, L4, B200, or all")
      ->capture_default_str();
  app.add_option("--seed", options.settings.seed, "seed of the inputs")->capture_default_str();
  app.add_option("--schedule", options.settings.schedule,
                 "seed of the executor's order of threads; changes no count")
      ->capture_default_str();
  app.add_option("--threads", options.settings.workers, "host threads; changes no count")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  if (const auto answered = parse_command_line(app, argc, argv)) return *answered;
  return run_meter(options);
}

int fail(const char* reason, int exit_status) {
  std::fprintf(stderr, "gradepth meter: %s\n", reason);
  return exit_status;
}

}  // namespace

/// Exit status: 0 done, 1 a case is wrong, 2 bad input.
int main(int argc, char** argv) {
  prepare_standard_streams();
  try {
    const int exit_status = run(argc, argv);
    flush_standard_output();
    return exit_status;
  } catch (const std::invalid_argument& error) {
    return fail(error.what(), 2);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}
