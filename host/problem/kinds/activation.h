#pragma once

#include <cstdint>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/kind.h"
#include "kernels/activation/activation.h"

namespace gradepth {

/// A net's backward pass goes over what its forward pass left; an activation's is given all.
enum class ActivationPass : std::uint8_t { forward, backward };

// clang-format off
/// y = f(x), or dx = dy · f'(x).
///   forward
///     in   x          [rows, cols]
///     out  y          [rows, cols]
///   backward
///     in   x          [rows, cols]
///          y          [rows, cols]   f(x), as it is stored
///          dy         [rows, cols]
///     out  dx         [rows, cols]
///          db         [cols]         with bias_gradient: the sum of dx over rows
///          saturated  [1]            with count_saturated: the number of elements with |f'| < 0.01
/// f16 and bf16 are storage: x, y, dy are numbers of the format, arithmetic is wider, and each
/// result is rounded to the format once; db adds up what is stored in dx.
// clang-format on
struct ActivationProblem {
  Activation act = "tanh";
  std::int64_t rows = 1024;
  std::int64_t cols = 1024;
  ActivationPass pass = ActivationPass::backward;
  bool bias_gradient = false;
  bool count_saturated = false;
  SlopeFrom slope = SlopeFrom::output;
  Dtype dtype = Dtype::f32;

  friend bool operator==(const ActivationProblem&, const ActivationProblem&) = default;
};

namespace kinds {

void validate(const ActivationProblem& p);
std::vector<TensorSpec> inputs(const ActivationProblem& p);
std::vector<TensorSpec> outputs(const ActivationProblem& p);
const Parts<ActivationProblem>& parts(const ActivationProblem& p);
double working_set(const ActivationProblem& p);
double bytes(const ActivationProblem& p);
double flops(const ActivationProblem& p);

}  // namespace kinds
}  // namespace gradepth
