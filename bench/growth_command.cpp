#include "bench/growth_command.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "bench/commands.h"
#include "bench/common_options.h"
#include "bench/growth_table.h"
#include "bench/growth_weights.h"
#include "bench/machine.h"
#include "bench/rows/output.h"
#include "bench/sweep.h"
#include "host/growth/jacobian.h"
#include "host/growth/measure.h"
#include "host/growth/precision.h"
#include "host/growth/row.h"
#include "host/provider.h"
#include "kernels/activation.h"

namespace gradepth {
namespace {

using growth::GrowthResult;
using growth::GrowthSpec;

[[noreturn]] void refuse(const std::string& flag, const std::string& value,
                         const std::string& allowed) {
  throw std::invalid_argument(flag + ' ' + value + ": " + allowed);
}

/// The place of `value` among `names`.
std::size_t choice(const std::string& flag, const std::string& value,
                   std::initializer_list<const char*> names) {
  std::string allowed;
  std::size_t index = 0;
  for (const char* name : names) {
    if (value == name) return index;
    allowed += (index++ == 0 ? "one of " : ", ") + std::string(name);
  }
  refuse(flag, value, allowed);
}

double number(const std::string& flag, const std::string& value, std::size_t begin,
              const std::string& allowed) {
  double x = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data() + begin, end, x);
  if (error != std::errc{} || stop != end || !std::isfinite(x)) refuse(flag, value, allowed);
  return x;
}

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
  const std::string allowed = "one of zero, gaussian:S, impulse";
  const std::string prefix = "gaussian:";
  if (value.starts_with(prefix)) {
    init.input = Initialisation::Input::gaussian;
    init.input_scale = number("--input", value, prefix.size(), allowed);
  } else if (value == "impulse") {
    init.input = Initialisation::Input::impulse;
  } else if (value != "zero") {
    refuse("--input", value, allowed);
  }
}

void parse_residual(const std::string& value, GrowthSpec& spec) {
  const std::string prefix = "scaled:";
  if (value.starts_with(prefix)) {
    spec.residual = "scaled";
    spec.residual_scale =
        number("--residual", value, prefix.size(), "one of plain, preact, scaled:A");
  } else if (value == "plain" || value == "preact") {
    spec.residual = value;
  } else {
    refuse("--residual", value, "one of plain, preact, scaled:A");
  }
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
  const bool irnn = choice("--preset", preset, {"irnn", "np-rnn"}) == 0;
  const auto set = [&](const char* flag, std::string& value, const char* text) {
    if (command.count(flag) == 0) value = text;
  };
  set("--net", flags.net, "elman");
  set("--activation", flags.activation, "relu");
  set("--init", flags.init, irnn ? "identity:1" : "np");
  set("--bias", flags.bias, "constant:0");
  set("--h0", flags.h0, "constant:1");
}

/// Accepts finite numbers only, so that the message names what is allowed.
CLI::Validator finite_number() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double x = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), x);
        const bool ok = error == std::errc{} && stop == text.data() + text.size();
        return ok && std::isfinite(x) ? "" : text + ": a finite number";
      },
      "NUMBER");
}

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        std::int64_t x = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), x);
        const bool ok = error == std::errc{} && stop == text.data() + text.size() && x >= 0;
        return ok ? "" : text + ": a whole number from 0 up";
      },
      "NUMBER");
}

void add_flags(CLI::App& command, GrowthFlags& flags, std::string& preset) {
  const auto text = [&](const char* flag, std::string& value, const std::string& help) {
    command.add_option(flag, value, help)->capture_default_str();
  };
  const auto whole = [&](const char* flag, auto& value, const std::string& help) {
    command.add_option(flag, value, help)->capture_default_str()->check(whole_number());
  };
  const auto real = [&](const char* flag, double& value, const std::string& help) {
    command.add_option(flag, value, help)->capture_default_str()->check(finite_number());
  };
  text("--net", flags.net, "mlp, cnn, residual, elman, lstm, gru or additive");
  text("--activation", flags.activation, activation_names());
  whole("--depth", flags.depth, "maps from the input end to the loss: layers or steps");
  whole("--width", flags.width, "units per layer; cnn: channels of 8 x 8 images");
  whole("--batch", flags.batch, "samples");
  text("--init", flags.init,
       "W: gaussian:S (deviation S / sqrt fan_in), orthogonal:S, identity:S, constant:V, xavier, "
       "he, saxe (orthogonal with the gain of chi = 1), np (normalised positive definite) or "
       "file:PATH (a CSV matrix, the same in every layer and gate; cnn: at the kernel's centre)");
  text("--bias", flags.bias, "constant:V or gaussian:S");
  text("--h0", flags.h0, "constant:V, gaussian:S or fixed-point (the mean-field variance)");
  text("--input", flags.input, "of recurrent nets: zero, gaussian:S or impulse");
  real("--forget-bias", flags.forget_bias, "added to the bias of lstm's f and gru's z");
  text("--loss-gradient", flags.loss_gradient, "sphere (random unit vectors) or ones");
  text("--loss-on", flags.loss_on, "state that an lstm's loss sees: c, h or both");
  text("--share", flags.share, "recurrent nets: on, one W; off, a fresh W per step");
  real("--density", flags.density, "share of non-zero weights");
  text("--residual", flags.residual, "plain, preact or scaled:A");
  text("--form", flags.form, "of additive nets: two-term or sum");
  text("--preset", preset,
       "irnn: elman, relu, W = I, bias 0, h0 = 1 where not given; np-rnn: the same with W of "
       "--init np");
  add_weights_flags(command, flags);
  whole("--seeds", flags.seeds, "number of draws");
  whole("--seed", flags.seed, "first seed");
  real("--clip-value", flags.clip_value, "clip each state's gradient to +-V; 0: off");
  real("--loss-scale", flags.loss_scale, "factor of the loss gradient");
  command.add_flag(
      "--precision", flags.precision,
      "also: where f32, bf16 and f16 lose the gradient, and the loss scale that saves");
  whole("--lyapunov", flags.lyapunov, "also: this many leading Lyapunov exponents; 0: off");
  command.add_flag("--singular-values", flags.singular_values,
                   "also: of the product of all Jacobians, all up to 64 units, else the largest");
  command.add_flag("--transient", flags.transient,
                   "also: |W^t| of a shared W where it takes long (else only where it is cheap)");
  command.add_flag(
      "--renormalised", flags.renormalised,
      "also: a backward pass rescaled at every step (unasked where a format runs out)");
  text("--provider", flags.provider, "who runs the net (see info)");
  text("--dtype", flags.dtype, "f64, f32, f16 or bf16");
  text("--format", flags.format, "table, json (one object) or csv (one line per depth)");
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
  if (Provider* provider = find(providers, name)) {
    return growth::measure_growth(spec, *provider, find(providers, "reference"));
  }
  std::string known;
  for (const auto& provider : providers.present) {
    known += (known.empty() ? "" : ", ") + std::string(provider->name());
  }
  for (const Missing& missing : providers.missing) {
    known += ", " + missing.name + " (not here: " + missing.reason + ')';
    if (missing.name != name) continue;
    GrowthResult result;
    result.provider = name;
    result.name = growth::row_name(spec, name);
    result.status = "unsupported";
    result.reason = missing.reason;
    return result;
  }
  refuse("--provider", name, "one of " + known);
}

std::vector<growth::PrecisionHorizon> measure_precision(const GrowthSpec& spec) {
  const Providers plain = make_providers({});
  const Providers flushing = make_providers({.flush_subnormals = true});
  return growth::precision_horizons(spec, *find(plain, "reference"), *find(flushing, "reference"));
}

int sweep(const GrowthSpec& spec, const GrowthFlags& flags) {
  if (flags.precision) refuse("--precision", "with --sweep", "one net at a time");
  const Providers providers = make_providers({.threads = 1});
  Provider* provider = select_providers(providers, flags.provider).at(0);
  return run_sweep_command({flags.sweep, flags.out, flags.format}, spec, *provider,
                           find(providers, "reference"));
}

}  // namespace

GrowthSpec parse_growth(const GrowthFlags& flags) {
  GrowthSpec spec;
  choice("--net", flags.net, {"mlp", "cnn", "residual", "elman", "lstm", "gru", "additive"});
  spec.net = flags.net;
  if (!is_activation(flags.activation)) {
    refuse("--activation", flags.activation, "one of " + activation_names());
  }
  spec.activation = flags.activation;
  require_range("--depth", flags.depth, 1'000'000);
  require_range("--width", flags.width, 1'000'000);
  require_range("--batch", flags.batch, 1'000'000);
  require_range("--seeds", flags.seeds, 1'000'000);
  spec.depth = flags.depth;
  spec.width = flags.width;
  spec.batch = flags.batch;
  spec.seeds = flags.seeds;
  spec.first_seed = flags.seed;
  Initialisation& init = spec.init;
  init.W = parsed("--init", flags.init, parse_weight_init);
  init.weights = flags.read_weights;
  if (init.weights) init.W.kind = WeightInit::Kind::file;
  init.bias = parsed("--bias", flags.bias, parse_value_init);
  spec.h0_fixed_point = flags.h0 == "fixed-point";
  if (!spec.h0_fixed_point) {
    if (!flags.h0.starts_with("constant:") && !flags.h0.starts_with("gaussian:")) {
      refuse("--h0", flags.h0, "one of constant:V, gaussian:S, fixed-point");
    }
    init.h0 = parsed("--h0", flags.h0, parse_value_init);
    init.c0 = init.h0;
  }
  parse_input(flags.input, init);
  init.forget_bias = flags.forget_bias;
  const bool ones = choice("--loss-gradient", flags.loss_gradient, {"sphere", "ones"}) == 1;
  init.loss = ones ? Initialisation::LossGradient::ones : Initialisation::LossGradient::sphere;
  constexpr Initialisation::LossOn targets[] = {
      Initialisation::LossOn::h, Initialisation::LossOn::c, Initialisation::LossOn::both};
  init.loss_on = targets[choice("--loss-on", flags.loss_on, {"h", "c", "both"})];
  spec.share = choice("--share", flags.share, {"on", "off"}) == 0;
  if (flags.density <= 0 || flags.density > 1) {
    refuse("--density", std::to_string(flags.density), "a number above 0, up to 1");
  }
  init.density = flags.density;
  parse_residual(flags.residual, spec);
  choice("--form", flags.form, {"two-term", "sum"});
  spec.form = flags.form;
  if (flags.clip_value < 0) {
    refuse("--clip-value", std::to_string(flags.clip_value), "0 (off) or a number above 0");
  }
  spec.clip_value = flags.clip_value;
  if (flags.renormalised && flags.clip_value > 0) {
    refuse("--renormalised", "with --clip-value " + std::to_string(flags.clip_value),
           "0 (off), since a rescaled gradient cannot be clipped");
  }
  if (flags.loss_scale == 0) refuse("--loss-scale", "0", "a number other than 0");
  init.loss_scale = flags.loss_scale;
  spec.dtype = parsed("--dtype", flags.dtype, parse_dtype);
  const auto size = static_cast<std::int64_t>(growth::jacobian_size(spec));
  if (flags.lyapunov > size) {
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
    choice("--format", flags->format, {"table", "json", "csv"});
    if (flags->precision && flags->format == "csv") {
      refuse("--format", "csv", "table or json with --precision");
    }
    apply_preset(*preset, *command, *flags);
    read_weights(*command, *flags);
    const GrowthSpec spec = parse_growth(*flags);
    if (!flags->sweep.empty()) {
      exit_status = sweep(spec, *flags);
      return;
    }
    if (!flags->out.empty()) refuse("--out", flags->out, "only with --sweep");
    const GrowthResult result = measure(spec, flags->provider);
    std::vector<growth::PrecisionHorizon> horizons;
    if (flags->precision && result.status == "ok") horizons = measure_precision(spec);
    Output output(flags->format, machinery());
    Row row = growth::row(spec, result);
    if (flags->precision) {
      row["identity"] = growth::row_identity(spec, result.provider).add("precision", true).text();
      if (!horizons.empty()) row["precision"] = growth::precision_row(horizons);
    }
    row = output.add(std::move(row));
    if (flags->format == "csv") print_growth_csv(std::cout, row);
    if (output.is_table()) {
      print_growth(std::cout, spec, result);
      if (!horizons.empty()) print_precision(std::cout, horizons);
    }
    if (result.status != "ok") exit_status = 1;
  });
}

}  // namespace gradepth
