#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bench/cli/command_line.h"
#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/knob_flags.h"
#include "bench/cli/names.h"
#include "bench/commands/growth_weights.h"
#include "bench/commands/sweep.h"
#include "bench/rows/output.h"
#include "bench/tables/growth.h"
#include "bench/timing/machine.h"
#include "host/growth/knobs/knobs.h"
#include "host/growth/precision/horizon.h"
#include "host/growth/studies/sweep.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/row.h"
#include "host/providers/provider.h"

namespace gradepth {
namespace {

using growth::GrowthResult;
using growth::GrowthSpec;

/// What is no knob of the net.
struct GrowthRequest {
  std::string preset;
  WeightsFlags weights;
  bool precision = false;
  std::string provider = "cpu";
  std::string format = "table";
  std::string sweep;  // gain=0.5:4:0.1,…; empty: one net
  std::string out;    // folder of a sweep's results
};

/// An IRNN (Le, Jaitly & Hinton 2015): W = I, ReLU, bias 0; an np-RNN (Talathi & Vartak 2015): the
/// same with a normalised positive definite W. h0 = 1, because with the papers' h0 = 0 and no input
/// every unit rests at ReLU's kink, where the gradient is 0.
GrowthSpec spec_of_preset(const std::string& preset) {
  GrowthSpec spec;
  if (preset.empty()) return spec;
  spec.net = "elman";
  spec.activation = "relu";
  spec.init.W = parse_weight_init(preset == "irnn" ? "identity:1" : "np");
  spec.init.bias = {ValueInit::Kind::constant, 0};
  spec.init.h0 = spec.init.c0 = {ValueInit::Kind::constant, 1};
  return spec;
}

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// Knobs in the table's order; what is none of them stands where it is looked for.
void add_flags(CLI::App& command, KnobFlags<GrowthSpec>& knobs, GrowthRequest& request) {
  for (const auto& knob : growth::growth_knobs()) {
    if (knob.flag == "--weights") {
      add_name_option(command, "--preset", request.preset, recurrent_preset_names(),
                      "irnn: elman, relu, W = I, bias 0, h0 = 1 where not given; np-rnn: the same "
                      "with W of --init np");
      add_weights_flags(command, request.weights);
      continue;
    }
    if (knob.flag == "--lyapunov") {
      command.add_flag(
          "--precision", request.precision,
          "also: where f32, bf16 and f16 lose the gradient, and the loss scale that saves");
    }
    if (knob.flag == "--dtype") {
      command.add_option("--provider", request.provider, "who runs the net (see info)")
          ->capture_default_str();
    }
    knobs.add(knob);
  }
  add_name_option(command, "--format", request.format, format_names(),
                  "table, json (one object) or csv (a line per depth)");
  command.add_option(
      "--sweep", request.sweep,
      "a grid of nets, KEY=FROM:TO:STEP,...: " + list(growth::growth_knobs().sweep_keys()));
  command.add_option("--out", request.out,
                     "--sweep: folder of its results; an interrupted sweep goes on from there");
}

/// std::invalid_argument, in one line that names the flag, the value and what is allowed.
GrowthSpec parse(const CLI::App& command, const KnobFlags<GrowthSpec>& knobs,
                 GrowthRequest& request) {
  GrowthSpec spec = spec_of_preset(request.preset);
  knobs.set(spec);
  read_weights(command, request.weights, spec);
  knobs.check(spec);
  if (!request.preset.empty() && !is_elman(spec)) {
    refuse("--preset", request.preset,
           "only for elman; it changes nothing about " + std::string(spec.net.name()));
  }
  knobs.refuse_without_effect({spec});
  return spec;
}

/// Measures, or says why this machine or build cannot.
GrowthResult measure_growth(const GrowthSpec& spec, const std::string& name) {
  // One thread for each seed: then the number of cores does not change a bit of the result.
  const Providers providers = make_providers({.threads = 1});
  for (const Missing& missing : providers.missing) {
    if (!Names({missing.name}).find(name)) continue;
    GrowthResult result;
    result.provider = missing.name;
    result.name = growth::row_name(spec, missing.name);
    result.status = Status::unsupported;
    result.reason = missing.reason;
    return result;
  }
  return growth::measure_growth(spec, select_provider(providers, name));
}

/// An unknown knob is told with what may have been meant. A flag that every point of the grid
/// replaces would have no effect.
void refuse_swept(const CLI::App& command, const std::string& sweep) {
  const Names keys(growth::growth_knobs().sweep_keys());
  for (const growth::SweepAxis& axis : growth::parse_sweep(sweep)) {
    (void)keys.canonical("--sweep", axis.key);
    const std::string flag = "--" + axis.key;  // gain's is --init, of which it keeps the kind
    const CLI::Option* option = command.get_option_no_throw(flag);
    if (option == nullptr || option->count() == 0) continue;
    refuse(flag, option->as<std::string>(), "not beside --sweep " + axis.key + ", which sets it");
  }
}

int sweep(const GrowthSpec& spec, const GrowthRequest& request) {
  if (request.precision) refuse("--precision", "with --sweep", "one net at a time");
  const Providers providers = make_providers({.threads = 1});
  Provider& provider = select_provider(providers, request.provider);
  return run_sweep_command({request.sweep, request.out, request.format}, spec, provider);
}

int one_net(const GrowthSpec& spec, const GrowthRequest& request) {
  if (!request.out.empty()) refuse("--out", request.out, "only with --sweep");
  const GrowthResult result = measure_growth(spec, request.provider);
  growth::Beside beside;
  if (request.precision) beside.horizons.emplace();
  if (request.precision && result.status == Status::ok) beside.horizons = precision_horizons(spec);
  Output output(request.format, machinery());
  const Row row = output.add(growth::row(spec, result, beside));
  if (request.format == "csv") {
    (request.precision ? print_precision_csv : print_growth_csv)(std::cout, row);
  }
  if (output.is_table()) {
    print_growth(std::cout, spec, result);
    if (beside.horizons && !beside.horizons->empty()) {
      print_precision(std::cout, *beside.horizons);
    }
  }
  return result.status == Status::ok ? 0 : 1;
}

}  // namespace

void add_growth_command(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand("growth", "gradient growth of one net against depth");
  auto knobs =
      std::make_shared<KnobFlags<GrowthSpec>>(*command, growth::growth_knobs(), GrowthSpec{});
  auto request = std::make_shared<GrowthRequest>();
  add_flags(*command, *knobs, *request);
  command->callback([command, knobs, request, &exit_status] {
    const GrowthSpec spec = parse(*command, *knobs, *request);
    if (!request->sweep.empty()) refuse_swept(*command, request->sweep);
    exit_status = request->sweep.empty() ? one_net(spec, *request) : sweep(spec, *request);
  });
}

}  // namespace gradepth
