#include "host/growth/study/spec.h"

#include <cmath>

#include "host/draw/pytorch.h"
#include "host/text/decimal.h"

namespace gradepth::growth {

bool is_recurrent(const GrowthSpec& spec) { return spec.net.cell() != nullptr; }

bool is_cnn(const GrowthSpec& spec) { return spec.net == "cnn"; }

bool is_additive(const GrowthSpec& spec) { return spec.net == "additive"; }

bool is_residual(const GrowthSpec& spec) { return spec.net == "residual"; }

bool is_preact(const GrowthSpec& spec) {
  return is_residual(spec) && spec.residual == Residual::preact;
}

double branch_scale(const GrowthSpec& spec) {
  return is_residual(spec) && spec.residual == Residual::scaled ? spec.residual_scale : 1;
}

bool has_c(const GrowthSpec& spec) {
  const CellInfo* const cell = spec.net.cell();
  return cell != nullptr && cell->has_c;
}

bool is_plain_chain(const GrowthSpec& spec) {
  const CellInfo* const cell = spec.net.cell();
  return cell != nullptr ? cell->takes_activation : !is_residual(spec);
}

bool is_dense_chain(const GrowthSpec& spec) { return is_plain_chain(spec) && !is_cnn(spec); }

bool is_elman(const GrowthSpec& spec) { return is_plain_chain(spec) && is_recurrent(spec); }

int gates(const GrowthSpec& spec) { return is_recurrent(spec) ? spec.net.cell()->gates : 1; }

bool is_shared(const GrowthSpec& spec) { return spec.share.value_or(is_recurrent(spec)); }

std::optional<double> noise_variance(const GrowthSpec& spec, std::int64_t map) {
  const ValueInit& bias = spec.init.bias;
  if (bias.kind == ValueInit::Kind::constant && bias.scale != 0) return std::nullopt;
  const double input = spec.init.is_driven_at(map) ? spec.init.input_scale : 0.0;
  return bias.scale * bias.scale + input * input;
}

bool has_bias(const GrowthSpec& spec) {
  return spec.init.bias.scale != 0 || (spec.init.weights && has_bias(*spec.init.weights));
}

bool has_input(const GrowthSpec& spec) {
  return spec.init.has_input() || (spec.init.weights && spec.init.weights->has_inputs());
}

bool has_gaussian_weights(const GrowthSpec& spec) {
  using Kind = WeightInit::Kind;
  const Kind kind = spec.init.W.kind;
  return kind == Kind::gaussian || kind == Kind::xavier || kind == Kind::he;
}

bool is_sparse(const GrowthSpec& spec) { return spec.init.density != 1; }

bool is_structured(const GrowthSpec& spec) {
  return is_sparse(spec) && spec.init.sparsity != Sparsity::independent;
}

bool has_one_unit_gradient(const GrowthSpec& spec) {
  return spec.init.loss == Initialisation::LossGradient::sphere && spec.batch == 1;
}

double state_size(const GrowthSpec& spec) {
  const auto width = static_cast<double>(spec.width);
  return is_cnn(spec) ? width * image::pixels : width;
}

double ln_start_variance(const GrowthSpec& spec) {
  const double ln = 2 * std::log(std::abs(spec.init.h0.scale));
  return spec.init.h0.kind == ValueInit::Kind::radius ? ln - std::log(state_size(spec)) : ln;
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
