#include "host/growth/knobs/drawing.h"

#include "host/draw/pytorch.h"
#include "host/text/decimal.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

using Knob = gradepth::Knob<GrowthSpec>;
using Input = Initialisation::Input;
using Kind = WeightInit::Kind;

/// A parser of initialise.h: what it says, from the value on.
template <class Parse>
auto parsed(const std::string& value, Parse parse) {
  try {
    return parse(value);
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    const std::size_t at = message.find(value);
    throw Refused(at == std::string::npos ? value + ": " + message : message.substr(at));
  }
}

ValueInit swept_gaussian(double value) {
  return {ValueInit::Kind::gaussian, swept_deviation(value)};
}

void sweep_gain(GrowthSpec& spec, double value) {
  WeightInit& W = spec.init.W;
  if (W.kind != Kind::gaussian && W.kind != Kind::orthogonal && W.kind != Kind::identity &&
      W.kind != Kind::constant) {
    throw Refused("needs --init gaussian:S, orthogonal:S, identity:S or constant:V");
  }
  W.scale = W.kind == Kind::gaussian ? swept_deviation(value) : value;
}

std::string start(const GrowthSpec& spec) {
  return spec.h0_fixed_point ? "fixed-point" : text(spec.init.h0);
}

/// `until:10` behind the separator, where the input ends.
std::string until(const char* separator, const Initialisation& init) {
  return init.input_until ? separator + ("until:" + std::to_string(*init.input_until)) : "";
}

std::string input_text(const GrowthSpec& spec) {
  const Initialisation& init = spec.init;
  if (init.input == Input::zero) return "zero";
  if (init.input == Input::impulse) return "impulse";
  return text(ValueInit{ValueInit::Kind::gaussian, init.input_scale}) + until(",", init);
}

void parse_input(GrowthSpec& spec, const std::string& value) {
  Initialisation& init = spec.init;
  init.input_until.reset();
  init.input = value == "zero"      ? Input::zero
               : value == "impulse" ? Input::impulse
                                    : Input::gaussian;
  if (init.input != Input::gaussian) return;
  const std::string kind = value.substr(0, value.find(','));
  init.input_scale = parsed(kind, parse_value_init).scale;
  if (kind == value) return;
  constexpr std::string_view label = "until:";
  const std::string_view end = std::string_view(value).substr(kind.size() + 1);
  const auto steps =
      end.starts_with(label) ? decimal_whole<std::int64_t>(end.substr(label.size())) : std::nullopt;
  if (!steps || *steps < 0) {
    throw Refused(value,
                  "gaussian:S or gaussian:S,until:K with K the last step that has input, 0 "
                  "or above");
  }
  init.input_until = *steps;
}

bool has_inputs(const GrowthSpec& spec) {
  return spec.init.weights && spec.init.weights->has_inputs();
}

std::string input_tag(const GrowthSpec& spec) {
  if (has_inputs(spec)) return "inputs";
  if (spec.init.input == Input::gaussian) return "driven" + until("-", spec.init);
  return spec.init.input == Input::impulse ? "impulse" : "";
}

json::Value shown_weights(const GrowthSpec& spec) {
  if (!spec.init.weights) return nullptr;
  const RecurrentWeights& weights = *spec.init.weights;
  json::Value shown{{"file", weights.file}, {"layer", weights.layer}, {"crc32", checksum(weights)}};
  if (weights.has_inputs()) shown["inputs"] = weights.inputs_file;
  return shown;
}

}  // namespace

bool is_cell_with_matrices(const GrowthSpec& spec) {
  const CellInfo* const cell = spec.net.cell();
  return cell != nullptr && cell->has_matrices;
}

bool has_matrices(const GrowthSpec& spec) {
  return !is_recurrent(spec) || is_cell_with_matrices(spec);
}

double swept_deviation(double value) {
  if (value < 0) throw Refused("standard deviations, 0 or above");
  return value;
}

Knob init_knob() {
  Knob knob{
      .flag = "--init",
      .help =
          "W: gaussian:S (deviation S / sqrt fan_in), orthogonal:S, identity:S, constant:V, "
          "xavier, he, saxe (orthogonal with the gain of chi = 1), np (normalised positive "
          "definite) or file:PATH (a CSV matrix, the same in every layer and gate; cnn: at the "
          "kernel's centre)"};
  // Not kaiming_uniform, glorot_uniform and their like: these draws are Gaussian.
  knob.names = Names({"gaussian:S", "orthogonal:S", "identity:S", "constant:V", "xavier", "he",
                      "saxe", "np", "file:PATH"},
                     {{"gaussian", "gaussian:1"},
                      {"orthogonal", "orthogonal:1"},
                      {"identity", "identity:1"},
                      {"glorot", "xavier"},
                      {"glorot_normal", "xavier"},
                      {"xavier_normal", "xavier"},
                      {"kaiming", "he"},
                      {"kaiming_normal", "he"},
                      {"he_normal", "he"}});
  knob.parse = [](GrowthSpec& s, const std::string& value) {
    s.init.W = parsed(value, parse_weight_init);
  };
  knob.text = [](const GrowthSpec& s) { return text(s.init.W); };
  knob.identify = [](IdentityText& id, const GrowthSpec& s) { id.add("init", s.init.W); };
  knob.rules.in_setting = Shown::always;
  knob.rules.shown = knob.text;
  knob.rules.tag = [](const GrowthSpec& s) {
    return s.init.weights ? label(*s.init.weights) : text(s.init.W);
  };
  knob.rules.check = [](const GrowthSpec& s, const std::string& given) {
    if (!is_additive(s) || s.init.W.kind == Kind::constant) return;
    throw Refused(given, "constant:w, the scalar weight of an additive net");
  };
  knob.rules.sweep = {.key = "gain", .set = sweep_gain, .sets = {"init_scale"}};
  return knob;
}

Knob bias_knob() {
  Knob knob{.flag = "--bias", .help = "constant:V or gaussian:S"};
  knob.names = Names({"constant:V", "gaussian:S"}, {{"gaussian", "gaussian:1"}});
  knob.parse = [](GrowthSpec& s, const std::string& value) {
    s.init.bias = parsed(value, parse_value_init);
  };
  knob.text = [](const GrowthSpec& s) { return text(s.init.bias); };
  knob.identify = [](IdentityText& id, const GrowthSpec& s) { id.add("bias", s.init.bias); };
  knob.rules.applies = has_matrices;
  knob.rules.says_none = [](const GrowthSpec& s) { return s.init.bias.scale == 0; };
  knob.rules.in_setting = Shown::always;
  knob.rules.shown = [](const GrowthSpec& s) {
    return s.init.weights ? "file" : text(s.init.bias);
  };
  knob.rules.tag = [](const GrowthSpec& s) {
    return s.init.bias.scale == 0 ? "" : "b-" + text(s.init.bias);
  };
  knob.rules.sweep = {.key = "bias", .set = [](GrowthSpec& s, double value) {
                        s.init.bias = swept_gaussian(value);
                      }};
  return knob;
}

Knob h0_knob() {
  Knob knob{.flag = "--h0",
            .help = "constant:V, gaussian:S or fixed-point (the mean-field variance)"};
  knob.names = Names({"constant:V", "gaussian:S", "fixed-point"}, {{"gaussian", "gaussian:1"}});
  knob.parse = [](GrowthSpec& s, const std::string& value) {
    s.h0_fixed_point = value == "fixed-point";
    if (!s.h0_fixed_point) s.init.h0 = s.init.c0 = parsed(value, parse_value_init);
  };
  knob.text = start;
  knob.identify = [](IdentityText& id, const GrowthSpec& s) {
    id.add("h0", s.init.h0).add("c0", s.init.c0).add("h0_fixed_point", s.h0_fixed_point);
  };
  knob.rules.in_setting = Shown::always;
  knob.rules.shown = start;
  knob.rules.tag = [](const GrowthSpec& s) {
    return start(s) == start(GrowthSpec{}) ? "" : "h0-" + start(s);
  };
  knob.rules.sweep = {.key = "h0", .set = [](GrowthSpec& s, double value) {
                        s.h0_fixed_point = false;
                        s.init.h0 = s.init.c0 = swept_gaussian(value);
                      }};
  return knob;
}

Knob input_knob() {
  Knob knob{
      .flag = "--input",
      .help =
          "of recurrent nets: zero, gaussian:S, gaussian:S,until:K (steps 1 to K, 0 after) or "
          "impulse"};
  knob.names = Names({"zero", "gaussian:S[,until:K]", "impulse"}, {{"gaussian", "gaussian:1"}});
  knob.parse = parse_input;
  knob.text = input_text;
  knob.identify = [](IdentityText& id, const GrowthSpec& s) {
    id.add("input", s.init.input).add("input_scale", s.init.input_scale);
    if (s.init.input_until) id.add("input_until", *s.init.input_until);
  };
  knob.rules.applies = is_cell_with_matrices;
  knob.rules.says_none = [](const GrowthSpec& s) { return s.init.input == Input::zero; };
  knob.rules.in_setting = Shown::always;
  knob.rules.shown = [](const GrowthSpec& s) { return has_inputs(s) ? "file" : input_text(s); };
  knob.rules.tag = input_tag;
  knob.rules.sweep = {.key = "input", .set = [](GrowthSpec& s, double value) {
                        s.init.input_scale = swept_deviation(value);
                        s.init.input = Input::gaussian;
                      }};
  return knob;
}

Knob weights_knob() {
  Knob knob{.flag = "--weights", .help = {}};
  knob.text = [](const GrowthSpec& s) { return s.init.weights ? s.init.weights->file : ""; };
  knob.identify = [](IdentityText& id, const GrowthSpec& s) {
    id.add("weights", s.init.weights.get());
  };
  knob.rules.shown = shown_weights;
  return knob;
}

}  // namespace gradepth::growth
