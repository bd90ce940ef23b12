#include "host/growth/knobs/knobs.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "host/growth/jacobians/jacobians.h"
#include "host/growth/knobs/drawing.h"
#include "host/growth/study/resolve.h"
#include "host/growth/theory/transient.h"
#include "host/knobs/field.h"
#include "host/text/value_named.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

using Knob = gradepth::Knob<GrowthSpec>;
using Rules = KnobRules<GrowthSpec>;

constexpr std::int64_t largest_count = 1'000'000;  // of anything that is counted

/// A field of the spec, or of its initialisation.
template <class Field>
auto of(Field GrowthSpec::*field) {
  return [field](auto& spec) -> auto& { return spec.*field; };
}
template <class Field>
auto of(Field Initialisation::*field) {
  return [field](auto& spec) -> auto& { return spec.init.*field; };
}

template <class At>
Knob named(const std::string& flag, const Names& names, const std::string& help, At at,
           Rules rules = {}) {
  return field_knob<GrowthSpec>(flag, names, help, at, std::move(rules));
}

template <class At>
Knob plain(const std::string& flag, const std::string& help, At at, Rules rules = {}) {
  return field_knob<GrowthSpec>(flag, {}, help, at, std::move(rules));
}

/// What is also to be found: no setting of the net.
template <class At>
Knob question(const std::string& flag, const std::string& help, At at, Rules rules = {}) {
  rules.in_setting = Shown::never;
  return plain(flag, help, at, std::move(rules));
}

/// From 1 on.
template <class At>
Knob count(const std::string& flag, const std::string& help, At at, Rules rules = {}) {
  rules.check = [at](const GrowthSpec& s, const std::string& /*given*/) {
    if (at(s) >= 1 && at(s) <= largest_count) return;
    throw Refused(std::to_string(at(s)),
                  "a whole number from 1 to " + std::to_string(largest_count));
  };
  return plain(flag, help, at, std::move(rules));
}

template <class At>
std::function<void(GrowthSpec&, double)> sweep_count(At at) {
  return [at](GrowthSpec& s, double value) {
    if (value < 1 || value > static_cast<double>(largest_count) || value != std::floor(value)) {
      throw Refused("whole numbers from 1 to " + std::to_string(largest_count));
    }
    at(s) = static_cast<std::int64_t>(value);
  };
}

bool has_forget_gate(const GrowthSpec& spec) {
  const CellInfo* const cell = spec.net.cell();
  return cell != nullptr && cell->forget_gate >= 0;
}

Knob net() {
  const Names nets(Net::names());
  return named("--net", nets, nets.list(), of(&GrowthSpec::net));
}

Knob activation() {
  Knob knob = named("--activation", activation_flag_names(), names_of(all_activations),
                    of(&GrowthSpec::activation));
  knob.rules.applies = has_matrices;
  knob.rules.says_none = [](const GrowthSpec& s) { return s.activation == "identity"; };
  knob.rules.in_setting = Shown::always;
  return knob;
}

Knob depth() {
  const auto at = of(&GrowthSpec::depth);
  return count("--depth", "maps from the input end to the loss: layers or steps", at,
               {.in_setting = Shown::never, .sweep = {"depth", sweep_count(at)}});
}

Knob width() {
  const auto at = of(&GrowthSpec::width);
  return count("--width", "units per layer; cnn: channels of 8 x 8 images", at,
               {.sweep = {"width", sweep_count(at)}});
}

Knob batch() {
  const auto at = of(&GrowthSpec::batch);
  return count("--batch", "samples", at, {.sweep = {"batch", sweep_count(at)}});
}

Knob forget_bias() {
  Knob knob = plain("--forget-bias", "added to the bias of lstm's f and gru's z",
                    of(&Initialisation::forget_bias));
  knob.rules.applies = has_forget_gate;
  knob.rules.says_none = [](const GrowthSpec& s) { return s.init.forget_bias == 0; };
  knob.rules.tag = [](const GrowthSpec& s) {
    const double b = s.init.forget_bias;
    return b == 0 ? "" : "bf-" + text(ValueInit{ValueInit::Kind::constant, b});
  };
  knob.rules.sweep = {.key = "forget-bias",
                      .set = [](GrowthSpec& s, double value) { s.init.forget_bias = value; }};
  return knob;
}

Knob chrono() {
  Knob knob = plain("--chrono",
                    "T: biases of lstm and gru by which units forget in 1 to T steps (ln u, u "
                    "uniform in [1, T - 1], in f or z, and its opposite in lstm's i); 0: off",
                    of(&Initialisation::chrono));
  constexpr double least = 2;  // u is 1 then, and half of the state stays
  knob.rules.applies = has_forget_gate;
  knob.rules.says_none = [](const GrowthSpec& s) { return s.init.chrono == 0; };
  knob.rules.tag = [](const GrowthSpec& s) {
    return s.init.chrono == 0 ? "" : "chrono-" + shortest(s.init.chrono);
  };
  knob.rules.check = [](const GrowthSpec& s, const std::string& /*given*/) {
    const std::string value = shortest(s.init.chrono);
    if (s.init.chrono == 0) return;
    if (s.init.chrono < least) throw Refused(value, "0 (off) or a number of steps from 2 on");
    if (s.init.weights) throw Refused(value, "not beside --weights, whose numbers are given");
    if (s.init.forget_bias == 0) return;
    throw Refused("with --forget-bias " + shortest(s.init.forget_bias), "one of the two");
  };
  knob.rules.sweep = {.key = "chrono", .set = [](GrowthSpec& s, double value) {
                        if (value < least) throw Refused("numbers of steps from 2 on");
                        s.init.chrono = value;
                      }};
  return knob;
}

Knob loss_gradient() {
  Knob knob = named("--loss-gradient", Names({"sphere", "ones"}),
                    "sphere (random unit vectors) or ones", of(&Initialisation::loss));
  knob.rules.tag = [](const GrowthSpec& s) {
    return s.init.loss == Initialisation::LossGradient::ones ? "ones" : "";
  };
  return knob;
}

Knob loss_on() {
  return named("--loss-on", Names({"h", "c", "both"}),
               "state that an lstm's loss sees: c, h or both", of(&Initialisation::loss_on),
               {.applies = has_c});
}

Knob share() {
  Knob knob = named("--share", Names({"on", "off"}),
                    "on, one W and b for all maps; off, fresh ones for each; unless said, on in "
                    "recurrent nets alone",
                    of(&GrowthSpec::share));
  knob.text = [](const GrowthSpec& s) { return is_shared(s) ? "on" : "off"; };
  knob.identify = [](IdentityText& id, const GrowthSpec& s) {
    // Rows of layers said "on" before there was a choice, and have a W for each.
    id.add("share", !is_recurrent(s) || is_shared(s));
    if (!is_recurrent(s) && is_shared(s)) id.add("tied", true);
  };
  knob.rules.applies = has_matrices;
  knob.rules.shown = knob.text;
  return knob;
}

std::string density_text(const GrowthSpec& spec) {
  const std::string share = shortest(spec.init.density);
  const Sparsity sparsity = spec.init.sparsity;
  return sparsity == Sparsity::independent ? share : std::string(name(sparsity)) + ':' + share;
}

/// `0.1`, or `rows:0.1`.
void parse_density(GrowthSpec& spec, const std::string& value) {
  const std::size_t colon = value.find(':');
  const bool is_plain = colon == std::string::npos;
  const auto sparsity = is_plain ? std::optional(Sparsity::independent)
                                 : value_named<Sparsity>(sparsity_names, value.substr(0, colon));
  const auto share = decimal_number(is_plain ? std::string_view(value)
                                             : std::string_view(value).substr(colon + 1));
  if (!sparsity || !share) {
    throw Refused(value, "P, rows:P, blocks:P or band:P with a number P above 0, up to 1");
  }
  spec.init.sparsity = *sparsity;
  spec.init.density = *share;
}

Knob density() {
  Knob knob = plain("--density",
                    "share P of non-zero weights: each by itself, or rows:P, blocks:P (of 8 x 8), "
                    "band:P (the nearest units on a ring)",
                    of(&Initialisation::density));
  knob.takes = Takes::text;
  knob.parse = parse_density;
  knob.text = density_text;
  knob.identify = [](IdentityText& id, const GrowthSpec& s) {
    id.add("density", s.init.density);
    if (s.init.sparsity != Sparsity::independent) id.add("sparsity", name(s.init.sparsity));
  };
  knob.rules.applies = has_matrices;
  knob.rules.says_none = [](const GrowthSpec& s) { return s.init.density == 1; };
  knob.rules.in_setting = Shown::always;
  knob.rules.shown = [](const GrowthSpec& s) {
    const bool is_plain = s.init.density == 1 || s.init.sparsity == Sparsity::independent;
    return is_plain ? json::Value(s.init.density) : json::Value(density_text(s));
  };
  knob.rules.tag = [](const GrowthSpec& s) {
    if (s.init.density == 1) return std::string();
    const bool is_plain = s.init.sparsity == Sparsity::independent;
    return is_plain ? "sparse" : "sparse-" + std::string(name(s.init.sparsity));
  };
  knob.rules.check = [](const GrowthSpec& s, const std::string& /*given*/) {
    if (s.init.density > 0 && s.init.density <= 1) return;
    throw Refused(density_text(s), "a number above 0, up to 1");
  };
  knob.rules.sweep = {.key = "density", .set = [](GrowthSpec& s, double value) {
                        if (value <= 0 || value > 1) throw Refused("numbers above 0, up to 1");
                        s.init.density = value;
                      }};
  return knob;
}

Knob residual() {
  Knob knob{.flag = "--residual", .help = "plain, preact or scaled:A"};
  const Names names({"plain", "preact", "scaled:A"}, {{"preactivation", "preact"}});
  knob.names = names;
  knob.parse = [names](GrowthSpec& s, const std::string& value) {
    const std::size_t colon = value.find(':');
    const auto kind = value_named<Residual>(residual_names, value.substr(0, colon));
    if (!kind) throw Refused(value, "one of " + names.list());
    s.residual = *kind;
    if (colon == std::string::npos) return;
    const auto scale = decimal_number(std::string_view(value).substr(colon + 1));
    if (!scale) throw Refused(value, "one of plain, preact, scaled:A with a finite number A");
    s.residual_scale = *scale;
  };
  knob.text = [](const GrowthSpec& s) {
    const std::string kind(name(s.residual));
    return s.residual == Residual::scaled ? kind + ':' + shortest(s.residual_scale) : kind;
  };
  knob.identify = [](IdentityText& id, const GrowthSpec& s) {
    id.add("residual", s.residual).add("residual_scale", s.residual_scale);
  };
  knob.rules.applies = is_residual;
  knob.rules.shown = [](const GrowthSpec& s) { return name(s.residual); };
  return knob;
}

Knob form() {
  const Names names({"two-term", "sum", "terms:K"});
  Knob knob = named("--form", names,
                    "of additive nets: two-term, sum (of all states) or terms:K (of the last K)",
                    of(&GrowthSpec::form), {.applies = is_additive});
  knob.parse = [names](GrowthSpec& s, const std::string& value) {
    const auto form = AdditiveForm::find(value);
    if (!form) {
      throw Refused(value, "one of " + names.list() + " with a whole number K from 1 to " +
                               std::to_string(largest_count));
    }
    s.form = *form;
  };
  knob.rules.check = [](const GrowthSpec& s, const std::string& given) {
    if (s.form.terms <= largest_count) return;
    throw Refused(given, "K up to " + std::to_string(largest_count));
  };
  return knob;
}

Knob seeds() {
  return count("--seeds", "number of draws", of(&GrowthSpec::seeds), {.in_setting = Shown::never});
}

Knob half_width() {
  return plain(
      "--half-width", "draw seeds until the rate's 95 % interval is the rate +- this; 0: off",
      of(&GrowthSpec::half_width),
      {.in_setting = Shown::never, .check = [](const GrowthSpec& s, const std::string& given) {
         if (s.half_width < 0) throw Refused(given, "0 (off) or a number above 0");
         if (s.half_width == 0 || s.seeds > 1) return;
         throw Refused(given, "needs --seeds 2 or more to begin with");
       }});
}

Knob max_seeds() {
  return count("--max-seeds", "the most that --half-width draws", of(&GrowthSpec::max_seeds),
               {.in_setting = Shown::never, .check_given = [](const GrowthSpec& s) {
                  if (s.half_width > 0) return;
                  throw Refused("without --half-width", "it says how many that may draw");
                }});
}

Knob first_seed() {
  return plain("--seed", "first seed", of(&GrowthSpec::first_seed),
               {.key = "first_seed", .check = [](const GrowthSpec& s, const std::string& given) {
                  constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
                  if (s.first_seed <= largest - static_cast<std::uint64_t>(s.seeds - 1)) return;
                  throw Refused(given, "the last of --seeds must be below 2^64");
                }});
}

Knob slope() {
  Knob knob = named(
      "--slope", slope_names(),
      "where f' comes from: output, as in frameworks (no digits left where f is flat), or input, "
      "the pre-activation; f64 always takes the input",
      of(&GrowthSpec::slope));
  knob.rules.applies = has_matrices;
  knob.rules.in_setting = Shown::always;
  knob.rules.shown = [](const GrowthSpec& s) {
    const auto from = slopes_from(make_problem(s));
    return from ? json::Value(name(*from)) : json::Value(nullptr);
  };
  knob.rules.check_given = [](const GrowthSpec& s) {
    if (s.dtype != Dtype::f64 || s.slope != SlopeFrom::output) return;
    throw Refused("output with --dtype f64", "input: its slopes are the exact ones");
  };
  return knob;
}

Knob clip_value() {
  return plain("--clip-value", "clip each state's gradient to +-V; 0: off",
               of(&GrowthSpec::clip_value),
               {.check = [](const GrowthSpec& s, const std::string& /*given*/) {
                 if (s.clip_value >= 0) return;
                 throw Refused(shortest(s.clip_value), "0 (off) or a number above 0");
               }});
}

Knob loss_scale() {
  return plain("--loss-scale", "factor of the loss gradient", of(&Initialisation::loss_scale),
               {.check = [](const GrowthSpec& s, const std::string& /*given*/) {
                 if (s.init.loss_scale == 0) throw Refused("0", "a number other than 0");
               }});
}

Knob lyapunov() {
  return question("--lyapunov", "also: this many leading Lyapunov exponents; 0: off",
                  of(&GrowthSpec::lyapunov),
                  {.check = [](const GrowthSpec& s, const std::string& /*given*/) {
                    const auto size = static_cast<std::int64_t>(jacobian_size(s));
                    if (s.lyapunov >= 0 && s.lyapunov <= size) return;
                    throw Refused(std::to_string(s.lyapunov),
                                  "a whole number from 0 (off) to " + std::to_string(size) +
                                      ", the elements of one sample's state");
                  }});
}

Knob singular_values() {
  return question("--singular-values",
                  "also: of the product of all Jacobians, all up to 64 units, else the largest",
                  of(&GrowthSpec::singular_values));
}

Knob transient() {
  return question(
      "--transient", "also: |W^t| of a shared W where it takes long (else only where it is cheap)",
      of(&GrowthSpec::transient), {.check_given = [](const GrowthSpec& s) {
        if (!s.transient || has_shared_matrix(s)) return;
        throw Refused(
            "with --net " + std::string(s.net.name()),
            "only where all maps have one W: elman and mlp with --share on, or mlp with --init "
            "identity:S, constant:V or file:PATH and --density 1");
      }});
}

Knob renormalised() {
  return question("--renormalised,--renormalized",
                  "also: a backward pass rescaled at every step (unasked where a format runs out)",
                  of(&GrowthSpec::renormalised),
                  {.check = [](const GrowthSpec& s, const std::string& /*given*/) {
                    if (!s.renormalised || s.clip_value <= 0) return;
                    throw Refused("with --clip-value " + shortest(s.clip_value),
                                  "0 (off), since a rescaled gradient cannot be clipped");
                  }});
}

Knob window() {
  return question(
      "--window", "also: between which gains the net neither vanishes nor explodes at this depth",
      of(&GrowthSpec::window), {.check = [](const GrowthSpec& s, const std::string& /*given*/) {
        if (!s.window) return;
        if (s.init.weights) throw Refused("not beside --weights, whose numbers are given");
        GrowthSpec turned = s;
        init_knob().rules.sweep.set(turned, 1);  // refuses what has no gain
      }});
}

Knob dtype() {
  return named("--dtype", dtype_names(), dtype_names().list(), of(&GrowthSpec::dtype),
               {.in_setting = Shown::never});
}

}  // namespace

const KnobTable<GrowthSpec>& growth_knobs() {
  static const KnobTable<GrowthSpec> table(
      {net(),         activation(),   depth(),
       width(),       batch(),        init_knob(),
       bias_knob(),   h0_knob(),      input_knob(),
       forget_bias(), chrono(),       loss_gradient(),
       loss_on(),     share(),        density(),
       residual(),    form(),         weights_knob(),
       seeds(),       half_width(),   max_seeds(),
       first_seed(),  slope(),        clip_value(),
       loss_scale(),  lyapunov(),     singular_values(),
       transient(),   renormalised(), window(),
       dtype()},
      {.identity = {"net",
                    "activation",
                    "depth",
                    "width",
                    "batch",
                    "init",
                    "init_scale",
                    "weights",
                    "density",
                    "bias",
                    "forget_bias",
                    "h0",
                    "c0",
                    "input",
                    "input_scale",
                    "loss_gradient",
                    "loss_on",
                    "loss_scale",
                    "h0_fixed_point",
                    "share",
                    "residual",
                    "residual_scale",
                    "form",
                    "seeds",
                    "first_seed",
                    "clip_value",
                    "slope",
                    "dtype",
                    "lyapunov",
                    "singular_values",
                    "transient",
                    "renormalised"},
       .setting = {"net",         "activation", "width",      "batch",         "init",
                   "bias",        "h0",         "input",      "loss_gradient", "density",
                   "first_seed",  "clip_value", "loss_scale", "weights",       "loss_on",
                   "forget_bias", "slope",      "share",      "residual",      "form"},
       .name = {"init", "bias", "forget_bias", "h0", "input", "density", "loss_gradient"},
       .sweep = {"gain", "bias", "input", "h0", "forget-bias", "density", "depth", "width",
                 "batch"}});
  return table;
}

std::string row_name(const GrowthSpec& spec, std::string_view provider) {
  return gradepth::name(make_problem(spec)) + '/' + growth_knobs().tags(spec) + '/' +
         std::string(provider);
}

}  // namespace gradepth::growth
