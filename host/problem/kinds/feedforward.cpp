#include "host/problem/kinds/feedforward.h"

#include "host/problem/image.h"
#include "host/problem/kinds/common.h"

/// A chain of layers.
namespace gradepth::kinds {
namespace {

/// Operations per unit beside the product, forward and back.
constexpr double pointwise_operations = 9;

Shape state_shape(const FeedForwardProblem& p) {
  if (p.net != "cnn") return {p.B, p.N};
  return {p.B, p.N, image::side, image::side};
}

Shape weight_shape(const FeedForwardProblem& p) {
  if (p.net != "cnn") return {p.L, p.N, p.N};
  return {p.L, p.N, p.N, image::kernel, image::kernel};
}

}  // namespace

void validate(const FeedForwardProblem& p) {
  require(p.net == "mlp" || p.net == "residual" || p.net == "cnn", "net", p.net,
          "one of mlp, residual, cnn");
  require_activation(p.act);
  require(p.residual == "plain" || p.residual == "preact" || p.residual == "scaled", "residual",
          p.residual, "one of plain, preact, scaled");
  require_clip_value(p.clip_value, p.dtype);
  require_size("L", p.L);
  require_size("B", p.B);
  require_size("N", p.N);
}

std::vector<TensorSpec> inputs(const FeedForwardProblem& p) {
  std::vector<TensorSpec> specs{
      {"h0", state_shape(p)}, {"W", weight_shape(p), true}, {"b", {p.L, p.N}, true}};
  if (p.pass != Pass::forward) specs.push_back({"dy", state_shape(p)});
  return specs;
}

std::vector<TensorSpec> outputs(const FeedForwardProblem& p) {
  const Shape state = state_shape(p);
  std::vector<TensorSpec> specs{{"y", state}};
  if (p.record) specs.push_back({"h", with_leading(p.L + 1, state), true});
  if (p.pass == Pass::forward) return specs;
  specs.push_back({"dh0", state});
  specs.push_back({"dW", weight_shape(p), true});
  specs.push_back({"db", {p.L, p.N}, true});
  specs.push_back({"dh_norm2", {p.L + 1}, true});
  if (p.record) {
    specs.push_back({"dh", with_leading(p.L + 1, state), true});
    specs.push_back({"da", with_leading(p.L, state), true});
  }
  return specs;
}

std::string tail(const FeedForwardProblem& p) {
  return p.net + '/' + p.act + dtype_part(p.dtype) +
         size_part({{"L", p.L}, {"B", p.B}, {"N", p.N}}) +
         (p.net == "residual" && p.residual != "plain" ? '_' + p.residual : "") +
         (p.pass == Pass::forward ? "_forward" : "") + clip_part(p.clip_value) +
         slope_part(p.slope, p.dtype);
}

double working_set(const FeedForwardProblem& p) {
  return bytes_of(p.dtype, {inputs(p), outputs(p)});
}

double bytes(const FeedForwardProblem& p) { return working_set(p); }

double flops(const FeedForwardProblem& p) {
  const double taps = p.net == "cnn" ? image::taps : 1;
  const double units =
      static_cast<double>(p.L) * static_cast<double>(p.B) * static_cast<double>(p.state_size());
  const double product = 2.0 * taps * static_cast<double>(p.N);
  return units * (product * (p.pass == Pass::forward ? 1 : 3) + pointwise_operations);
}

}  // namespace gradepth::kinds
