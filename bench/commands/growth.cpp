#include "bench/commands/growth.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>
#include <stdexcept>

#include "bench/cli/command_line.h"
#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/names.h"
#include "bench/commands/growth_weights.h"
#include "bench/commands/sweep.h"
#include "bench/rows/output.h"
#include "bench/tables/growth.h"
#include "bench/timing/machine.h"
#include "host/growth/jacobians/jacobian.h"
#include "host/growth/precision/horizon.h"
#include "host/growth/study/grid.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/row.h"
#include "host/growth/theory/transient.h"
#include "host/providers/provider.h"
#include "host/text/decimal.h"
#include "kernels/activation/activation.h"

namespace gradepth {
namespace {

using growth::GrowthResult;
using growth::GrowthSpec;

/// A parser of initialise.h, with the flag's name put before its message.
template <class Parse>
auto parsed(const std::string& flag, const std::string& value, Parse parse) {
  try {
    return parse(value);
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    const std::size_t at = message.find(value);
    throw std::invalid_argument(
        flag + ' ' + (at == std::string::npos ? value + ": " + message : message.substr(at)));
  }
}

void parse_input(const std::string& value, Initialisation& init) {
  const std::string input = input_names().canonical("--input", value);
  if (input == "zero") return;
  if (input == "impulse") {
    init.input = Initialisation::Input::impulse;
    return;
  }
  init.input = Initialisation::Input::gaussian;
  init.input_scale = parsed("--input", input, parse_value_init).scale;
}

void parse_residual(const std::string& value, GrowthSpec& spec) {
  spec.residual = residual_names().canonical("--residual", value);
  const std::size_t colon = spec.residual.find(':');
  if (colon == std::string::npos) return;
  const auto scale = decimal_number(std::string_view(spec.residual).substr(colon + 1));
  if (!scale) refuse("--residual", value, "one of plain, preact, scaled:A with a finite number A");
  spec.residual = "scaled";
  spec.residual_scale = *scale;
}

void require_range(const std::string& flag, std::int64_t value, std::int64_t largest) {
  if (value < 1 || value > largest) {
    refuse(flag, std::to_string(value), "a whole number from 1 to " + std::to_string(largest));
  }
}

/// An IRNN (Le, Jaitly & Hinton 2015): W = I, ReLU, bias 0; an np-RNN (Talathi & Vartak 2015): the
/// same with a normalised positive definite W. h0 = 1, because with the papers' h0 = 0 and no input
/// every unit rests at ReLU's kink, where the gradient is 0.
void apply_preset(const std::string& preset, const CLI::App& command, GrowthFlags& flags) {
  if (preset.empty()) return;
  const bool irnn = preset == "irnn";
  const auto set = [&](const char* flag, std::string& value, const char* text) {
    if (command.count(flag) == 0) value = text;
  };
  set("--net", flags.net, "elman");
  set("--activation", flags.activation, "relu");
  set("--init", flags.init, irnn ? "identity:1" : "np");
  set("--bias", flags.bias, "constant:0");
  set("--h0", flags.h0, "constant:1");
}

void add_flags(CLI::App& command, GrowthFlags& flags, std::string& preset) {
  const auto text = [&](const char* flag, std::string& value, const std::string& help) {
    command.add_option(flag, value, help)->capture_default_str();
  };
  const auto number = [&](const char* flag, auto& value, const std::string& help) {
    command.add_option(flag, value, help)->capture_default_str();
  };
  const auto name = [&](const char* flag, std::string& value, const Names& names,
                        const std::string& help) {
    add_name_option(command, flag, value, names, help);
  };
  name("--net", flags.net, net_names(), net_names().list());
  name("--activation", flags.activation, activation_flag_names(), activation_names());
  number("--depth", flags.depth, "maps from the input end to the loss: layers or steps");
  number("--width", flags.width, "units per layer; cnn: channels of 8 x 8 images");
  number("--batch", flags.batch, "samples");
  name("--init", flags.init, weight_init_names(),
       "W: gaussian:S (deviation S / sqrt fan_in), orthogonal:S, identity:S, constant:V, xavier, "
       "he, saxe (orthogonal with the gain of chi = 1), np (normalised positive definite) or "
       "file:PATH (a CSV matrix, the same in every layer and gate; cnn: at the kernel's centre)");
  name("--bias", flags.bias, bias_names(), bias_names().list());
  name("--h0", flags.h0, start_names(),
       "constant:V, gaussian:S or fixed-point (the mean-field variance)");
  name("--input", flags.input, input_names(), "of recurrent nets: " + input_names().list());
  number("--forget-bias", flags.forget_bias, "added to the bias of lstm's f and gru's z");
  name("--loss-gradient", flags.loss_gradient, loss_gradient_names(),
       "sphere (random unit vectors) or ones");
  name("--loss-on", flags.loss_on, loss_on_names(), "state that an lstm's loss sees: c, h or both");
  name("--share", flags.share, share_names(), "recurrent nets: on, one W; off, a fresh W per step");
  number("--density", flags.density, "share of non-zero weights");
  name("--residual", flags.residual, residual_names(), residual_names().list());
  name("--form", flags.form, form_names(), "of additive nets: two-term or sum");
  name("--preset", preset, recurrent_preset_names(),
       "irnn: elman, relu, W = I, bias 0, h0 = 1 where not given; np-rnn: the same with W of "
       "--init np");
  add_weights_flags(command, flags);
  number("--seeds", flags.seeds, "number of draws");
  number("--seed", flags.seed, "first seed");
  name("--slope", flags.slope, slope_names(),
       "where f' comes from: output, as in frameworks (no digits left where f is flat), or input, "
       "the pre-activation; f64 always takes the input");
  number("--clip-value", flags.clip_value, "clip each state's gradient to +-V; 0: off");
  number("--loss-scale", flags.loss_scale, "factor of the loss gradient");
  command.add_flag(
      "--precision", flags.precision,
      "also: where f32, bf16 and f16 lose the gradient, and the loss scale that saves");
  number("--lyapunov", flags.lyapunov, "also: this many leading Lyapunov exponents; 0: off");
  command.add_flag("--singular-values", flags.singular_values,
                   "also: of the product of all Jacobians, all up to 64 units, else the largest");
  command.add_flag("--transient", flags.transient,
                   "also: |W^t| of a shared W where it takes long (else only where it is cheap)");
  command.add_flag(
      "--renormalised,--renormalized", flags.renormalised,
      "also: a backward pass rescaled at every step (unasked where a format runs out)");
  text("--provider", flags.provider, "who runs the net (see info)");
  name("--dtype", flags.dtype, dtype_names(), dtype_names().list());
  name("--format", flags.format, format_names(),
       "table, json (one object) or csv (a line per depth)");
  text("--sweep", flags.sweep,
       "a grid of nets, KEY=FROM:TO:STEP,...: gain, bias, input, h0, forget-bias, density, depth, "
       "width, batch");
  text("--out", flags.out,
       "--sweep: folder of its results; an interrupted sweep goes on from there");
}

/// Measures, or says why this machine or build cannot.
GrowthResult measure(const GrowthSpec& spec, const std::string& name) {
  // One thread for each seed: then the number of cores does not change a bit of the result.
  const Providers providers = make_providers({.threads = 1});
  for (const Missing& missing : providers.missing) {
    if (!Names({missing.name}).find(name)) continue;
    GrowthResult result;
    result.provider = missing.name;
    result.name = growth::row_name(spec, missing.name);
    result.status = "unsupported";
    result.reason = missing.reason;
    return result;
  }
  return growth::measure_growth(spec, select_provider(providers, name));
}

/// An unknown knob is told with what may have been meant. A flag that every point of the grid
/// replaces would have no effect.
void refuse_swept(const CLI::App& command, const std::string& sweep) {
  const Names keys({growth::sweep_keys.begin(), growth::sweep_keys.end()});
  for (const growth::SweepAxis& axis : growth::parse_sweep(sweep)) {
    (void)keys.canonical("--sweep", axis.key);
    const std::string flag = "--" + axis.key;  // gain's is --init, of which it keeps the kind
    const CLI::Option* option = command.get_option_no_throw(flag);
    if (option == nullptr || option->count() == 0) continue;
    refuse(flag, option->as<std::string>(), "not beside --sweep " + axis.key + ", which sets it");
  }
}

int sweep(const GrowthSpec& spec, const GrowthFlags& flags) {
  if (flags.precision) refuse("--precision", "with --sweep", "one net at a time");
  const Providers providers = make_providers({.threads = 1});
  Provider& provider = select_provider(providers, flags.provider);
  return run_sweep_command({flags.sweep, flags.out, flags.format}, spec, provider);
}

/// Refuses what was given and changes nothing about the net. A value that says that there is none
/// of a thing is true of every net.
void refuse_without_effect(const CLI::App& command, const GrowthSpec& spec) {
  const Initialisation& init = spec.init;
  for (const CLI::Option* option : command.get_options()) {
    const std::string flag = option->get_name();
    const std::string_view knob = std::string_view(flag).substr(2);
    const std::string_view nets = growth::nets_with(knob);
    if (option->count() == 0 || nets.empty() || growth::has_effect(spec, knob)) continue;
    const bool says_none = (knob == "input" && init.input == Initialisation::Input::zero) ||
                           (knob == "forget-bias" && init.forget_bias == 0) ||
                           (knob == "density" && init.density == 1) ||
                           (knob == "bias" && init.bias.scale == 0) ||
                           (knob == "activation" && spec.activation == "identity");
    if (!says_none) {
      refuse(flag, option->as<std::string>(),
             "only for " + std::string(nets) + "; it changes nothing about " + spec.net);
    }
  }
  if (spec.dtype == Dtype::f64 && spec.slope == SlopeFrom::output && command.count("--slope") > 0) {
    refuse("--slope", "output with --dtype f64", "input: its slopes are the exact ones");
  }
  if (spec.transient && !growth::has_shared_matrix(spec)) {
    refuse("--transient", "with --net " + spec.net,
           "only where all maps have one W: elman with --share on, or mlp with --init "
           "identity:S, constant:V or file:PATH and --density 1");
  }
}

}  // namespace

GrowthSpec parse_growth(const GrowthFlags& flags) {
  GrowthSpec spec;
  spec.net = net_names().canonical("--net", flags.net);
  spec.activation = activation_flag_names().canonical("--activation", flags.activation);
  require_range("--depth", flags.depth, 1'000'000);
  require_range("--width", flags.width, 1'000'000);
  require_range("--batch", flags.batch, 1'000'000);
  require_range("--seeds", flags.seeds, 1'000'000);
  spec.depth = flags.depth;
  spec.width = flags.width;
  spec.batch = flags.batch;
  spec.seeds = flags.seeds;
  if (flags.seed >
      std::numeric_limits<std::uint64_t>::max() - static_cast<std::uint64_t>(flags.seeds - 1)) {
    refuse("--seed", std::to_string(flags.seed), "the last of --seeds must be below 2^64");
  }
  spec.first_seed = flags.seed;
  Initialisation& init = spec.init;
  init.W = parsed("--init", weight_init_names().canonical("--init", flags.init), parse_weight_init);
  init.weights = flags.read_weights;
  if (init.weights) init.W.kind = WeightInit::Kind::file;
  init.bias = parsed("--bias", bias_names().canonical("--bias", flags.bias), parse_value_init);
  const std::string h0 = start_names().canonical("--h0", flags.h0);
  spec.h0_fixed_point = h0 == "fixed-point";
  if (!spec.h0_fixed_point) {
    init.h0 = parsed("--h0", h0, parse_value_init);
    init.c0 = init.h0;
  }
  parse_input(flags.input, init);
  init.forget_bias = flags.forget_bias;
  const bool ones =
      loss_gradient_names().canonical("--loss-gradient", flags.loss_gradient) == "ones";
  init.loss = ones ? Initialisation::LossGradient::ones : Initialisation::LossGradient::sphere;
  const std::string on = loss_on_names().canonical("--loss-on", flags.loss_on);
  init.loss_on = on == "h"   ? Initialisation::LossOn::h
                 : on == "c" ? Initialisation::LossOn::c
                             : Initialisation::LossOn::both;
  spec.share = share_names().canonical("--share", flags.share) == "on";
  if (flags.density <= 0 || flags.density > 1) {
    refuse("--density", shortest(flags.density), "a number above 0, up to 1");
  }
  init.density = flags.density;
  parse_residual(flags.residual, spec);
  spec.form = form_names().canonical("--form", flags.form);
  spec.slope = slope_names().canonical("--slope", flags.slope) == "output" ? SlopeFrom::output
                                                                           : SlopeFrom::input;
  if (flags.clip_value < 0) {
    refuse("--clip-value", shortest(flags.clip_value), "0 (off) or a number above 0");
  }
  spec.clip_value = flags.clip_value;
  if (flags.renormalised && flags.clip_value > 0) {
    refuse("--renormalised", "with --clip-value " + shortest(flags.clip_value),
           "0 (off), since a rescaled gradient cannot be clipped");
  }
  if (flags.loss_scale == 0) refuse("--loss-scale", "0", "a number other than 0");
  init.loss_scale = flags.loss_scale;
  spec.dtype = parse_dtype(dtype_names().canonical("--dtype", flags.dtype));
  const auto size = static_cast<std::int64_t>(growth::jacobian_size(spec));
  if (flags.lyapunov < 0 || flags.lyapunov > size) {
    refuse("--lyapunov", std::to_string(flags.lyapunov),
           "a whole number from 0 (off) to " + std::to_string(size) +
               ", the elements of one sample's state");
  }
  spec.lyapunov = flags.lyapunov;
  spec.singular_values = flags.singular_values;
  spec.transient = flags.transient;
  spec.renormalised = flags.renormalised;
  if (spec.net == "additive" && init.W.kind != WeightInit::Kind::constant) {
    refuse("--init", flags.init, "constant:w, the scalar weight of an additive net");
  }
  return spec;
}

void add_growth_command(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand("growth", "gradient growth of one net against depth");
  auto flags = std::make_shared<GrowthFlags>();
  auto preset = std::make_shared<std::string>();
  add_flags(*command, *flags, *preset);
  command->callback([command, flags, preset, &exit_status] {
    apply_preset(*preset, *command, *flags);
    read_weights(*command, *flags);
    const GrowthSpec spec = parse_growth(*flags);
    refuse_without_effect(*command, spec);
    if (!flags->sweep.empty()) {
      refuse_swept(*command, flags->sweep);
      exit_status = sweep(spec, *flags);
      return;
    }
    if (!flags->out.empty()) refuse("--out", flags->out, "only with --sweep");
    const GrowthResult result = measure(spec, flags->provider);
    std::vector<growth::PrecisionHorizon> horizons;
    if (flags->precision && result.status == "ok") horizons = precision_horizons(spec);
    Output output(flags->format, machinery());
    Row row = growth::row(spec, result);
    if (flags->precision) {
      row["identity"] = growth::row_identity(spec, result.provider).add("precision", true).text();
      if (!horizons.empty()) row["precision"] = growth::precision_row(horizons);
    }
    row = output.add(std::move(row));
    if (flags->format == "csv") {
      (flags->precision ? print_precision_csv : print_growth_csv)(std::cout, row);
    }
    if (output.is_table()) {
      print_growth(std::cout, spec, result);
      if (!horizons.empty()) print_precision(std::cout, horizons);
    }
    if (result.status != "ok") exit_status = 1;
  });
}

}  // namespace gradepth
