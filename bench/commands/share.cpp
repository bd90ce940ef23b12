#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/names.h"
#include "bench/commands/growth.h"
#include "bench/commands/share_study.h"
#include "bench/rows/output.h"
#include "bench/timing/machine.h"
#include "host/growth/study/share.h"
#include "kernels/cell/cells.h"

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

const Names& cell_names() {
  static const Names names(all_names(gate_cells));
  return names;
}

void add_flags(CLI::App& command, GrowthFlags& flags) {
  const auto add = [&](const char* flag, auto& value, const char* help) {
    command.add_option(flag, value, help)->capture_default_str();
  };
  const auto name = [&](const char* flag, std::string& value, const Names& names,
                        const std::string& help) {
    add_name_option(command, flag, value, names, help);
  };
  name("--net", flags.net, cell_names(), cell_names().list());
  name("--activation", flags.activation, activation_flag_names(),
       "elman's activation; cells with gates have tanh");
  add("--depth", flags.depth, "steps");
  add("--width", flags.width, "units");
  name("--init", flags.init, weight_init_names(), "W, as for growth");
  name("--bias", flags.bias, bias_names(), bias_names().list());
  name("--h0", flags.h0, start_names(), start_names().list());
  name("--input", flags.input, input_names(), input_names().list());
  add("--density", flags.density, "share of non-zero weights of the sparse chains");
  add("--seeds", flags.seeds, "number of draws of each chain");
  add("--seed", flags.seed, "first seed");
  add("--provider", flags.provider, "who runs the chains (see info)");
  name("--dtype", flags.dtype, dtype_names(), dtype_names().list());
  add_format_option(command, flags.format);
}

int run_share(const GrowthFlags& flags) {
  const growth::GrowthSpec spec = parse_growth(flags);
  const Providers providers = make_providers({.threads = 1});
  Provider& provider = select_provider(providers, flags.provider);
  const growth::ShareStudy study =
      measure_share(spec, flags.density, provider,
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
  command->callback([command, flags, &exit_status] {
    const bool gated = !cell_info(flags->net).takes_activation;
    if (gated && command->count("--activation") == 0) flags->activation = "tanh";
    exit_status = run_share(*flags);
  });
}

}  // namespace gradepth
