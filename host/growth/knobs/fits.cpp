#include "host/growth/knobs/fits.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/growth/theory/mean_field.h"
#include "host/growth/theory/quadrature.h"
#include "host/text/decimal.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& allowed) {
  throw std::invalid_argument(what + ": " + allowed);
}

/// Whether f' jumps at 0: a net that rests at 0 has no gradient to speak of there.
bool jumps_at_0(Activation activation) {
  bool jumps = false;
  with_activation(activation,
                  [&](auto act) { jumps = std::abs(act.slope(1e-12) - act.slope(-1e-12)) > 1e-6; });
  return jumps;
}

/// A layer from a file leaves no room for draws of its weights.
void check_weights(const GrowthSpec& spec, const RecurrentWeights& weights) {
  const std::string rule = "not beside --weights, whose numbers are given";
  if (!is_shared(spec)) refuse("--share off", rule);
  if (spec.init.density != 1) refuse("--density " + readable(spec.init.density), rule);
  if (spec.init.bias.scale != 0) refuse("--bias " + text(spec.init.bias), rule);
  refuse_other_layer(spec, weights);
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

void refuse_other_layer(const GrowthSpec& spec, const RecurrentWeights& weights) {
  const std::int64_t units = weights.Wh.shape.at(1);
  if (spec.net != Net(weights.cell)) {
    refuse("--net " + std::string(spec.net.name()),
           "the layer of --weights is of the net " + std::string(weights.cell.name()));
  }
  if (spec.width != units) {
    refuse("--width " + std::to_string(spec.width),
           "the layer of --weights has " + std::to_string(units) + " units");
  }
}

void refuse_misfits(const GrowthSpec& spec) {
  const CellInfo* const cell = spec.net.cell();
  const std::string net(spec.net.name());
  const bool is_driven = cell != nullptr && cell->has_matrices;
  if (spec.init.input != Initialisation::Input::zero && !is_driven) {
    refuse("--input other than zero",
           "only for " + names_of(gate_cells) + "; " + net + " has none");
  }
  if (!is_shared(spec) && cell != nullptr && !cell->has_matrices) {
    refuse("--share off", net + " has one number w");
  }
  if (spec.init.weights) check_weights(spec, *spec.init.weights);
  const bool tanh_inside = is_driven && !cell->takes_activation;
  if (tanh_inside && spec.activation != "tanh") {
    refuse("--activation " + std::string(spec.activation.name()), net + " has tanh");
  }
}

void refuse_share_misfits(const GrowthSpec& spec, double density) {
  if (const CellInfo* const cell = spec.net.cell(); cell != nullptr && !cell->has_matrices) {
    refuse("--net " + std::string(spec.net.name()), "its only weight is one number");
  }
  const bool is_sparse = density > 0 && density < 1;
  if (!is_sparse) {
    refuse("--density " + shortest(density), "of the sparse chains, above 0 and below 1");
  }
  if (spec.seeds < 3) {
    refuse("--seeds " + std::to_string(spec.seeds), "a whole number from 3 on");
  }
  refuse_misfits(spec);
}

double critical_gain(const GrowthSpec& spec) {
  // Where the input ends on the way: of the maps without it.
  const std::optional<double> noise = noise_variance(spec, spec.depth);
  if (!noise) refuse("--init saxe", "needs a bias of 0 or gaussian:S");
  const std::optional<double> gain = critical_sigma(spec.activation, *noise);
  if (!gain) {
    refuse("--init saxe", "no gain gives " + std::string(spec.activation.name()) +
                              " chi = 1 with sigma_b^2 " + readable(*noise) +
                              "; give orthogonal:S");
  }
  return *gain;
}

double fixed_point_h0(const GrowthSpec& spec, std::optional<double> sigma_w2) {
  const std::string flag = "--h0 fixed-point";
  if (!is_plain_chain(spec)) {
    refuse(flag, "only for mlp, cnn and elman; " + std::string(spec.net.name()) +
                     " has no mean-field fixed point");
  }
  const std::optional<double> noise = noise_variance(spec, 1);
  if (!sigma_w2 || !noise) {
    refuse(flag, "needs --init gaussian, orthogonal, saxe, xavier or he, and no constant bias");
  }
  const std::vector<double> stable = MeanField{spec.activation, *sigma_w2, *noise}.stable_q();
  if (stable.empty() || (stable.back() == 0 && jumps_at_0(spec.activation))) {
    refuse(flag, "no stable fixed point above 0 for " + std::string(spec.activation.name()) +
                     " with sigma_w^2 " + readable(*sigma_w2) + " and sigma_b^2 " +
                     readable(*noise) + "; give constant:V or gaussian:S");
  }
  // q = σ_w² |h0|² / n + noise.
  return *sigma_w2 > 0 ? std::max(0.0, (stable.back() - *noise) / *sigma_w2) : 0.0;
}

}  // namespace gradepth::growth
