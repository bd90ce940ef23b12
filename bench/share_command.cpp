#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bench/commands.h"
#include "bench/common_options.h"
#include "bench/growth_command.h"
#include "bench/machine.h"
#include "bench/rows/output.h"
#include "bench/share_study.h"
#include "host/growth/share.h"

/// `share`: does a shared W, or a dense one, make a recurrent gradient explode?
namespace gradepth {
namespace {

GrowthFlags share_defaults() {
  GrowthFlags flags;
  flags.net = "elman";
  flags.activation = "relu";
  flags.init = "gaussian:1.5";
  flags.width = 256;
  flags.depth = 60;
  flags.density = 0.1;
  flags.seeds = 20;
  return flags;
}

void add_flags(CLI::App& command, GrowthFlags& flags) {
  const auto add = [&](const char* flag, auto& value, const char* help) {
    command.add_option(flag, value, help)->capture_default_str();
  };
  add("--net", flags.net, "elman, lstm or gru");
  add("--activation", flags.activation, "elman's activation");
  add("--depth", flags.depth, "steps");
  add("--width", flags.width, "units");
  add("--init", flags.init, "W, as for growth");
  add("--bias", flags.bias, "constant:V or gaussian:S");
  add("--h0", flags.h0, "constant:V, gaussian:S or fixed-point");
  add("--input", flags.input, "zero, gaussian:S or impulse");
  add("--density", flags.density, "share of non-zero weights of the sparse chains");
  add("--seeds", flags.seeds, "number of draws of each chain");
  add("--seed", flags.seed, "first seed");
  add("--provider", flags.provider, "who runs the chains (see info)");
  add("--dtype", flags.dtype, "f64, f32, f16 or bf16");
  add_format_option(command, flags.format);
}

int run_share(const GrowthFlags& flags) {
  const growth::GrowthSpec spec = parse_growth(flags);
  const Providers providers = make_providers({.threads = 1});
  Provider* provider = select_providers(providers, flags.provider).at(0);
  const growth::ShareStudy study =
      measure_share(spec, flags.density, *provider, find(providers, "reference"),
                    [](const std::string& chain) { std::cerr << "chain: " << chain << '\n'; });
  Output output(flags.format, machinery());
  const Row& row = output.add(share_row(study));
  if (flags.format == "csv") print_share_csv(std::cout, row);
  if (output.is_table()) print_share(std::cout, row);
  return row["status"] == "ok" ? 0 : 1;
}

}  // namespace

void add_share_command(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand(
      "share", "one W for all steps beside a fresh one per step, dense and sparse");
  auto flags = std::make_shared<GrowthFlags>(share_defaults());
  add_flags(*command, *flags);
  command->callback([flags, &exit_status] { exit_status = run_share(*flags); });
}

}  // namespace gradepth
