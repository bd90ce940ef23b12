#include "host/problem/kinds/activation.h"

#include "host/problem/kinds/common.h"

/// y = f(x) and its backward pass.
namespace gradepth::kinds {

void validate(const ActivationProblem& p) {
  require_activation(p.act);
  require_size("rows", p.rows);
  require_size("cols", p.cols);
}

std::vector<TensorSpec> inputs(const ActivationProblem& p) {
  const Shape shape{p.rows, p.cols};
  if (p.pass == Pass::forward) return {{"x", shape}};
  return {{"x", shape}, {"y", shape}, {"dy", shape}};
}

std::vector<TensorSpec> outputs(const ActivationProblem& p) {
  const Shape shape{p.rows, p.cols};
  if (p.pass == Pass::forward) return {{"y", shape}};
  std::vector<TensorSpec> specs{{"dx", shape}};
  if (p.bias_gradient) specs.push_back({"db", {p.cols}});
  if (p.count_saturated) specs.push_back({"saturated", {1}});
  return specs;
}

std::string tail(const ActivationProblem& p) {
  const std::string pass = p.pass == Pass::forward ? "/forward" : "/backward";
  return p.act + pass + dtype_part(p.dtype) + size_part({{"R", p.rows}, {"C", p.cols}}) +
         (p.bias_gradient ? "_bias" : "") + (p.count_saturated ? "_saturated" : "") +
         slope_part(p.slope, p.dtype);
}

/// Backward reads x or y, whichever the slope needs, not both.
double working_set(const ActivationProblem& p) {
  const double n = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  return element_bytes(p.dtype) * ((p.pass == Pass::forward ? 2 : 3) * n +
                                   (p.bias_gradient ? static_cast<double>(p.cols) : 0));
}

double bytes(const ActivationProblem& p) { return working_set(p); }

double flops(const ActivationProblem& p) {
  const double n = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  if (p.pass == Pass::forward) return n;
  return n * (3.0 + (p.bias_gradient ? 1 : 0) + (p.count_saturated ? 1 : 0));
}

}  // namespace gradepth::kinds
