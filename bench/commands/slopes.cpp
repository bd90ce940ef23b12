#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/studies/slope_study.h"
#include "bench/timing/machine.h"

/// `slopes`: what it costs to take slopes from the stored output.
namespace gradepth {
namespace {

struct SlopesOptions {
  SlopeStudy study;
  std::string format = "table";
};

void require_size(const char* flag, std::int64_t value) {
  if (value >= 1 && value <= 1000) return;
  throw std::invalid_argument(std::string(flag) + ' ' + std::to_string(value) +
                              ": a whole number from 1 to 1000");
}

void run_slopes(const SlopesOptions& options) {
  require_size("--depth", options.study.depth);
  require_size("--width", options.study.width);
  Output output(options.format, machinery());
  const Row& row = output.add(slope_study_row(options.study));
  if (options.format == "csv") print_slope_study_csv(std::cout, row);
  if (output.is_table()) print_slope_study(std::cout, row);
}

}  // namespace

void add_slopes_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "slopes", "saturated nets: slopes from the output beside slopes from the input");
  auto options = std::make_shared<SlopesOptions>();
  command->add_option("--depth", options->study.depth, "maps")->capture_default_str();
  command->add_option("--width", options->study.width, "units")->capture_default_str();
  command->add_option("--seed", options->study.seed, "of the loss gradient")->capture_default_str();
  add_format_option(*command, options->format);
  command->callback([options] { run_slopes(*options); });
}

}  // namespace gradepth
