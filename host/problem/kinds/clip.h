#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/kind.h"

namespace gradepth {

// clang-format off
/// Clips a list of tensors, in place or as part of the weights' update.
///   norm    g · min(1, threshold / |g|), |g| over all tensors together (Pascanu et al. 2013)
///   tensor  the same for each tensor by itself
///   agc     adaptive: for each unit (row) by itself, with threshold · max(|w|, 1e-3) in place of
///           threshold (Brock et al. 2021, 2102.06171)
///   value   each element to [-threshold, threshold]; NaN stays NaN
/// What has a norm that is not finite stays as it is, and is counted in `skipped`. With n the sum
/// of sizes, the tensors lie one after the other:
///     in   g        [n]
///          w        [n]        with agc or sgd
///          v        [n]        with sgd
///     out  g        [n]        without sgd
///          w        [n]        with sgd: w -= lr v, before v is rounded
///          v        [n]        with sgd: v = momentum v + clipped g
///          norm     [1]        of norm, before clipping
///                   [tensors]  of tensor
///                   [units]    of agc: those of the tensors that are not empty
///          skipped  [1]        but for value
/// f16 and bf16 are storage: norms and products are wider, each result is rounded once.
// clang-format on
struct ClipProblem {
  std::string mode = "norm";  // norm, tensor, agc, value
  std::vector<std::int64_t> sizes = {};
  std::vector<std::int64_t> units = {};  // agc: of each tensor; empty: 1, as for a bias
  double threshold = 1.0;
  bool sgd = false;
  double lr = 0.01;
  double momentum = 0.9;
  /// How kernels do norm and tensor: on_chip reads the gradient once and keeps it there,
  /// two_launches reads it twice; auto takes on_chip where it fits. Other providers do not care.
  std::string route = "auto";
  Dtype dtype = Dtype::f32;

  friend bool operator==(const ClipProblem&, const ClipProblem&) = default;
};

namespace kinds {

void validate(const ClipProblem& p);
std::vector<TensorSpec> inputs(const ClipProblem& p);
std::vector<TensorSpec> outputs(const ClipProblem& p);
const Parts<ClipProblem>& parts(const ClipProblem& p);
double working_set(const ClipProblem& p);
double bytes(const ClipProblem& p);
double flops(const ClipProblem& p);

}  // namespace kinds
}  // namespace gradepth
