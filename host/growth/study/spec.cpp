#include "host/growth/study/spec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "host/text/decimal.h"
#include "host/text/value_named.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& allowed) {
  throw std::invalid_argument(what + ": " + allowed);
}

/// Whether f' jumps at 0: a net that rests at 0 has no gradient to speak of there.
bool jumps_at_0(const std::string& activation) {
  bool jumps = false;
  with_activation(activation,
                  [&](auto act) { jumps = std::abs(act.slope(1e-12) - act.slope(-1e-12)) > 1e-6; });
  return jumps;
}

/// Elements of one sample's state.
double state_size(const GrowthSpec& spec) {
  const auto width = static_cast<double>(spec.width);
  return is_cnn(spec) ? width * image::pixels : width;
}

/// None for a cell's name, or none at all.
std::optional<LayerNet> layer_net(const GrowthSpec& spec) {
  return value_named<LayerNet>(layer_net_names, spec.net);
}

/// A layer from a file leaves no room for draws of its weights.
void check_weights(const GrowthSpec& spec, const RecurrentWeights& weights) {
  const std::string rule = "not beside --weights, whose numbers are given";
  if (!spec.share) refuse("--share off", rule);
  if (spec.init.density != 1) refuse("--density " + readable(spec.init.density), rule);
  if (spec.init.bias.scale != 0) refuse("--bias " + text(spec.init.bias), rule);
  const std::int64_t units = weights.Wh.shape.at(1);
  if (spec.net != weights.cell) {
    refuse("--net " + spec.net, "the layer of --weights is of the net " + weights.cell);
  }
  if (spec.width != units) {
    refuse("--width " + std::to_string(spec.width),
           "the layer of --weights has " + std::to_string(units) + " units");
  }
  if (!weights.has_inputs()) return;
  if (spec.init.input != Initialisation::Input::zero) {
    refuse("--input other than zero", "not beside --inputs, whose numbers are given");
  }
  const std::int64_t steps = weights.x.shape.at(0);
  const std::int64_t batch = weights.x.shape.at(1);
  if (spec.depth > steps) {
    refuse("--depth " + std::to_string(spec.depth),
           "--inputs has " + std::to_string(steps) + " steps");
  }
  if (spec.batch != batch) {
    refuse("--batch " + std::to_string(spec.batch),
           "--inputs has a batch of " + std::to_string(batch));
  }
}

}  // namespace

std::vector<std::string> net_names() {
  std::vector<std::string> names;
  for (const LayerNet net : {LayerNet::mlp, LayerNet::cnn, LayerNet::residual}) {
    names.emplace_back(name(net));
  }
  for (const CellInfo& cell : all_cells) names.emplace_back(cell.name);
  return names;
}

bool is_recurrent(const GrowthSpec& spec) { return find_cell(spec.net) != nullptr; }

bool is_cnn(const GrowthSpec& spec) { return layer_net(spec) == LayerNet::cnn; }

bool is_additive(const GrowthSpec& spec) { return spec.net == additive_recurrence.name; }

bool is_residual(const GrowthSpec& spec) { return layer_net(spec) == LayerNet::residual; }

bool is_preact(const GrowthSpec& spec) {
  return is_residual(spec) && spec.residual == Residual::preact;
}

double branch_scale(const GrowthSpec& spec) {
  return is_residual(spec) && spec.residual == Residual::scaled ? spec.residual_scale : 1;
}

bool has_c(const GrowthSpec& spec) {
  const CellInfo* const cell = find_cell(spec.net);
  return cell != nullptr && cell->has_c;
}

bool is_plain_chain(const GrowthSpec& spec) {
  const CellInfo* const cell = find_cell(spec.net);
  if (cell != nullptr) return cell->takes_activation;
  const auto net = layer_net(spec);
  return net && net != LayerNet::residual;
}

bool is_dense_chain(const GrowthSpec& spec) { return is_plain_chain(spec) && !is_cnn(spec); }

bool is_elman(const GrowthSpec& spec) { return is_plain_chain(spec) && is_recurrent(spec); }

bool is_untied(const GrowthSpec& spec) { return !is_recurrent(spec) || !spec.share; }

Problem make_problem(const GrowthSpec& spec) {
  const CellInfo* const cell = find_cell(spec.net);
  const std::optional<LayerNet> layers = layer_net(spec);
  if (cell == nullptr && !layers) {
    std::string allowed;
    for (const std::string& net : net_names())
      allowed += (allowed.empty() ? "one of " : ", ") + net;
    refuse("--net " + spec.net, allowed);
  }
  const bool is_driven = cell != nullptr && cell->has_matrices;
  if (spec.init.input != Initialisation::Input::zero && !is_driven) {
    refuse("--input other than zero",
           "only for " + names_of(gate_cells) + "; " + spec.net + " has none");
  }
  if (!spec.share && cell != nullptr && !cell->has_matrices) {
    refuse("--share off", "only for " + names_of(gate_cells));
  }
  if (spec.init.weights) check_weights(spec, *spec.init.weights);
  const bool tanh_inside = is_driven && !cell->takes_activation;
  if (tanh_inside && spec.activation != "tanh") {
    refuse("--activation " + spec.activation, spec.net + " has tanh");
  }
  const SlopeFrom slope = spec.dtype == Dtype::f64 ? SlopeFrom::input : spec.slope;
  Problem problem;
  if (layers) {
    problem = FeedForwardProblem{.net = *layers,
                                 .act = spec.activation,
                                 .L = spec.depth,
                                 .B = spec.batch,
                                 .N = spec.width,
                                 .residual = spec.residual,
                                 .residual_scale = spec.residual_scale,
                                 .record = true,
                                 .clip_value = spec.clip_value,
                                 .slope = slope,
                                 .dtype = spec.dtype};
  } else {
    RecurrentProblem p{.cell = spec.net,
                       .act = spec.activation,
                       .T = spec.depth,
                       .B = spec.batch,
                       .H = spec.width,
                       .project_input = false,
                       .share = spec.share,
                       .record = true,
                       .clip_value = spec.clip_value,
                       .form = spec.form,
                       .slope = slope,
                       .dtype = spec.dtype};
    if (is_additive(spec)) p.act = "identity";
    if (spec.init.weights && spec.init.weights->has_inputs()) {
      p.project_input = true;
      p.I = spec.init.weights->x.shape.at(2);
    }
    problem = p;
  }
  validate(problem);
  return problem;
}

WeightInit resolve_weights(const GrowthSpec& spec) {
  if (spec.init.W.kind != WeightInit::Kind::saxe) return spec.init.W;
  const std::optional<double> noise = noise_variance(spec);
  if (!noise) refuse("--init saxe", "needs a bias of 0 or gaussian:S");
  const std::optional<double> gain = critical_sigma(spec.activation, *noise);
  if (!gain) {
    refuse("--init saxe", "no gain gives " + spec.activation + " chi = 1 with sigma_b^2 " +
                              readable(*noise) + "; give orthogonal:S");
  }
  return {WeightInit::Kind::orthogonal, *gain, {}};
}

std::optional<double> sigma_w2(const GrowthSpec& spec) {
  using Kind = WeightInit::Kind;
  const WeightInit W = resolve_weights(spec);
  switch (W.kind) {
    case Kind::gaussian:
    case Kind::orthogonal:
    case Kind::saxe:
      return W.scale * W.scale;
    case Kind::xavier:
      return 1.0;
    case Kind::he:
      return 2.0;
    case Kind::identity:
    case Kind::constant:
    case Kind::np:
    case Kind::file:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<double> noise_variance(const GrowthSpec& spec) {
  const ValueInit& bias = spec.init.bias;
  if (bias.kind == ValueInit::Kind::constant && bias.scale != 0) return std::nullopt;
  const double input =
      spec.init.input == Initialisation::Input::gaussian ? spec.init.input_scale : 0.0;
  return bias.scale * bias.scale + input * input;
}

double ln_start_variance(const GrowthSpec& spec) {
  const double ln = 2 * std::log(std::abs(spec.init.h0.scale));
  return spec.init.h0.kind == ValueInit::Kind::radius ? ln - std::log(state_size(spec)) : ln;
}

Initialisation resolve(const GrowthSpec& spec) {
  Initialisation init = spec.init;
  init.W = resolve_weights(spec);
  if (!spec.h0_fixed_point) return init;
  const std::string flag = "--h0 fixed-point";
  if (!is_plain_chain(spec)) {
    refuse(flag, "only for mlp, cnn and elman; " + spec.net + " has no mean-field fixed point");
  }
  const std::optional<double> sigma2 = sigma_w2(spec);
  const std::optional<double> noise = noise_variance(spec);
  if (!sigma2 || !noise) {
    refuse(flag, "needs --init gaussian, orthogonal, saxe, xavier or he, and no constant bias");
  }
  const std::vector<double> stable = MeanField{spec.activation, *sigma2, *noise}.stable_q();
  if (stable.empty() || (stable.back() == 0 && jumps_at_0(spec.activation))) {
    refuse(flag, "no stable fixed point above 0 for " + spec.activation + " with sigma_w^2 " +
                     readable(*sigma2) + " and sigma_b^2 " + readable(*noise) +
                     "; give constant:V or gaussian:S");
  }
  // q = σ_w² |h0|² / n + noise.
  const double mean_square = *sigma2 > 0 ? (stable.back() - *noise) / *sigma2 : 0.0;
  init.h0 = {ValueInit::Kind::radius, std::sqrt(std::max(0.0, mean_square) * state_size(spec))};
  return init;
}

std::string text(const WeightInit& init) {
  using Kind = WeightInit::Kind;
  switch (init.kind) {
    case Kind::gaussian:
      return "gaussian:" + readable(init.scale);
    case Kind::orthogonal:
      return "orthogonal:" + readable(init.scale);
    case Kind::identity:
      return "identity:" + readable(init.scale);
    case Kind::constant:
      return "constant:" + readable(init.scale);
    case Kind::xavier:
      return "xavier";
    case Kind::he:
      return "he";
    case Kind::saxe:
      return "saxe";
    case Kind::np:
      return "np";
    case Kind::file:
      return "file";
  }
  return {};
}

std::string text(const ValueInit& init) {
  switch (init.kind) {
    case ValueInit::Kind::constant:
      return "constant:" + readable(init.scale);
    case ValueInit::Kind::gaussian:
      return "gaussian:" + readable(init.scale);
    case ValueInit::Kind::radius:
      return "fixed-point";
  }
  return {};
}

}  // namespace gradepth::growth
