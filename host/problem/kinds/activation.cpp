#include "host/problem/kinds/activation.h"

#include "host/problem/kinds/common.h"
#include "host/problem/kinds/parts.h"

/// y = f(x) and its backward pass.
namespace gradepth::kinds {

void validate(const ActivationProblem& p) {
  require_size("rows", p.rows);
  require_size("cols", p.cols);
}

std::vector<TensorSpec> inputs(const ActivationProblem& p) {
  const Shape shape{p.rows, p.cols};
  if (p.pass == ActivationPass::forward) return {{"x", shape}};
  return {{"x", shape}, {"y", shape}, {"dy", shape}};
}

std::vector<TensorSpec> outputs(const ActivationProblem& p) {
  const Shape shape{p.rows, p.cols};
  if (p.pass == ActivationPass::forward) return {{"y", shape}};
  std::vector<TensorSpec> specs{{"dx", shape}};
  if (p.bias_gradient) specs.push_back({"db", {p.cols}});
  if (p.count_saturated) specs.push_back({"saturated", {1}});
  return specs;
}

const Parts<ActivationProblem>& parts(const ActivationProblem& /*p*/) {
  using P = ActivationProblem;
  static const Parts<P> table{.words = {entry_word("activation", &P::act),
                                        choice("pass", &P::pass,
                                               {{"forward", ActivationPass::forward},
                                                {"backward", ActivationPass::backward}}),
                                        dtype_word<P>()},
                              .details = {size_detail("R", &P::rows), size_detail("C", &P::cols),
                                          mark("bias", &P::bias_gradient, true),
                                          mark("saturated", &P::count_saturated, true),
                                          mark("input-slope", &P::slope, SlopeFrom::input)}};
  return table;
}

/// Backward reads x or y, whichever the slope needs, not both.
double working_set(const ActivationProblem& p) {
  const double n = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  return element_bytes(p.dtype) * ((p.pass == ActivationPass::forward ? 2 : 3) * n +
                                   (p.bias_gradient ? static_cast<double>(p.cols) : 0));
}

double bytes(const ActivationProblem& p) { return working_set(p); }

double flops(const ActivationProblem& p) {
  const double n = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  if (p.pass == ActivationPass::forward) return n;
  return n * (3.0 + (p.bias_gradient ? 1 : 0) + (p.count_saturated ? 1 : 0));
}

}  // namespace gradepth::kinds
