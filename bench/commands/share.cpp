#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/knob_flags.h"
#include "bench/rows/output.h"
#include "bench/studies/share_study.h"
#include "bench/timing/machine.h"
#include "host/growth/knobs/knobs.h"
#include "host/growth/studies/share.h"
#include "kernels/cell/cells.h"

/// `share`: does a shared W, or a dense one, make a gradient explode?
namespace gradepth {
namespace {

using growth::GrowthSpec;

/// What is no knob of the chains.
struct ShareRequest {
  std::string provider = "cpu";
  std::string format = "table";
};

GrowthSpec share_defaults() {
  GrowthSpec spec;
  spec.net = "elman";
  spec.activation = "relu";
  spec.init.W = parse_weight_init("gaussian:1.5");
  spec.width = 256;
  spec.depth = 60;
  spec.init.density = 0.1;
  spec.seeds = 20;
  return spec;
}

/// Nets with matrices: one W for all maps means something.
const Names& net_names() {
  static const Names names([] {
    std::vector<std::string> nets = Net::names();
    std::erase_if(nets, [](const std::string& net) {
      const auto cell = RecurrentCell::find(net);
      return cell && !(*cell)->has_matrices;
    });
    return nets;
  }());
  return names;
}

void add_flags(CLI::App& command, KnobFlags<GrowthSpec>& knobs, ShareRequest& request) {
  knobs.add("--net", net_names().list(), &net_names());
  knobs.add("--activation", "cells with gates have tanh");
  knobs.add("--depth", "steps or layers");
  knobs.add("--width", "units; cnn: channels");
  knobs.add("--init", "W, as for growth");
  knobs.add("--bias");
  knobs.add("--h0", "constant:V, gaussian:S or fixed-point");
  knobs.add("--input", "of recurrent nets: zero, gaussian:S, gaussian:S,until:K or impulse");
  knobs.add("--residual");
  knobs.add("--density", "share P of the sparse chains' weights: P, rows:P, blocks:P or band:P");
  knobs.add("--seeds", "number of draws of each chain");
  knobs.add("--half-width");
  knobs.add("--max-seeds");
  knobs.add("--seed");
  command.add_option("--provider", request.provider, "who runs the chains (see info)")
      ->capture_default_str();
  knobs.add("--dtype");
  add_format_option(command, request.format);
}

int run_share(const GrowthSpec& spec, const ShareRequest& request) {
  const Providers providers = make_providers({.threads = 1});
  Provider& provider = select_provider(providers, request.provider);
  const growth::ShareStudy study =
      measure_share(spec, spec.init.density, provider,
                    [](const std::string& chain) { std::cerr << "chain: " << chain << '\n'; });
  Output output(request.format, machinery());
  const Row& row = output.add(share_row(study));
  if (request.format == "csv") print_share_csv(std::cout, row);
  if (output.is_table()) print_share(std::cout, row);
  return status_of(row) == Status::ok ? 0 : 1;
}

}  // namespace

void add_share_command(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand(
      "share", "one W for all steps or layers beside a fresh one for each, dense and sparse");
  auto knobs =
      std::make_shared<KnobFlags<GrowthSpec>>(*command, growth::growth_knobs(), share_defaults());
  auto request = std::make_shared<ShareRequest>();
  add_flags(*command, *knobs, *request);
  command->callback([command, knobs, request, &exit_status] {
    GrowthSpec spec = share_defaults();
    knobs->set(spec);
    const CellInfo* const cell = spec.net.cell();
    const bool is_gated = cell != nullptr && !cell->takes_activation;
    if (is_gated && command->count("--activation") == 0) spec.activation = "tanh";
    knobs->check(spec);
    exit_status = run_share(spec, *request);
  });
}

}  // namespace gradepth
