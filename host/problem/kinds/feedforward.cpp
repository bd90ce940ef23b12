#include "host/problem/kinds/feedforward.h"

#include <string>
#include <utility>

#include "host/problem/image.h"
#include "host/problem/kinds/common.h"
#include "host/problem/kinds/parts.h"

/// A chain of layers.
namespace gradepth::kinds {
namespace {

/// Operations per unit beside the product, forward and back.
constexpr double pointwise_operations = 9;

Shape state_shape(const FeedForwardProblem& p) {
  if (!p.is_cnn()) return {p.B, p.N};
  return {p.B, p.N, image::side, image::side};
}

/// The leading [L] of weights that are not shared.
Shape per_layer(const FeedForwardProblem& p, Shape shape) {
  return p.share ? std::move(shape) : with_leading(p.L, std::move(shape));
}

TensorSpec weights(const FeedForwardProblem& p, std::string name) {
  Shape shape = p.is_cnn() ? Shape{p.N, p.N, image::kernel, image::kernel} : Shape{p.N, p.N};
  return {std::move(name), per_layer(p, std::move(shape)), !p.share};
}

TensorSpec biases(const FeedForwardProblem& p, std::string name) {
  return {std::move(name), per_layer(p, {p.N}), !p.share};
}

}  // namespace

void validate(const FeedForwardProblem& p) {
  require_clip_value(p.clip_value, p.dtype);
  require_size("L", p.L);
  require_size("B", p.B);
  require_size("N", p.N);
}

std::vector<TensorSpec> inputs(const FeedForwardProblem& p) {
  std::vector<TensorSpec> specs{{"h0", state_shape(p)}, weights(p, "W"), biases(p, "b")};
  if (p.pass != Pass::forward) specs.push_back({"dy", state_shape(p)});
  return specs;
}

std::vector<TensorSpec> outputs(const FeedForwardProblem& p) {
  const Shape state = state_shape(p);
  std::vector<TensorSpec> specs{{"y", state}};
  if (p.record) specs.push_back({"h", with_leading(p.L + 1, state), true});
  if (p.pass == Pass::forward) return specs;
  specs.push_back({"dh0", state});
  specs.push_back(weights(p, "dW"));
  specs.push_back(biases(p, "db"));
  specs.push_back({"dh_norm2", {p.L + 1}, true});
  if (p.record) {
    specs.push_back({"dh", with_leading(p.L + 1, state), true});
    specs.push_back({"da", with_leading(p.L, state), true});
  }
  return specs;
}

const Parts<FeedForwardProblem>& parts(const FeedForwardProblem& /*p*/) {
  using P = FeedForwardProblem;
  const auto is_residual = [](const P& p) { return p.is_residual(); };
  static const Parts<P> table{
      .words = {value_word("net", &P::net, layer_net_names), entry_word("activation", &P::act),
                dtype_word<P>()},
      .details = {size_detail("L", &P::L), size_detail("B", &P::B), size_detail("N", &P::N),
                  mark("preact", &P::residual, Residual::preact).when(is_residual),
                  number_detail<P>(
                      "scaled", &P::residual_scale,
                      [](const P& p) { return p.residual == Residual::scaled; },
                      [](P& p) { p.residual = Residual::scaled; })
                      .when(is_residual)
                      .when([](const P& p) { return p.residual != Residual::preact; }),
                  mark("tied", &P::share, true), mark("forward", &P::pass, Pass::forward),
                  clip_value_detail<P>(), slope_mark<P>()}};
  return table;
}

double working_set(const FeedForwardProblem& p) {
  return bytes_of(p.dtype, {inputs(p), outputs(p)});
}

double bytes(const FeedForwardProblem& p) { return working_set(p); }

double flops(const FeedForwardProblem& p) {
  const double taps = p.is_cnn() ? image::taps : 1;
  const double units =
      static_cast<double>(p.L) * static_cast<double>(p.B) * static_cast<double>(p.state_size());
  const double product = 2.0 * taps * static_cast<double>(p.N);
  return units * (product * (p.pass == Pass::forward ? 1 : 3) + pointwise_operations);
}

}  // namespace gradepth::kinds
