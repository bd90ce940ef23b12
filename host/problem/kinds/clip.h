#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/kind.h"
#include "kernels/clip/rules.h"

namespace gradepth {

/// How kernels clip by a norm that is known only when all is read: on_chip reads the gradient once
/// and keeps it there, two_launches reads it twice; automatic takes on_chip where it fits. Other
/// providers do not care.
enum class ClipRoute : std::uint8_t { automatic, on_chip, two_launches };
/// `auto`, `on_chip` or `two_launches`.
std::string_view name(ClipRoute route);

// clang-format off
/// Clips a list of tensors by a rule of kernels/clip/rules.h, in place or as part of the weights'
/// update.
///   g · min(1, limit / |g|), |g| over all elements that share a norm; or, by element, each to
///   [-threshold, threshold], where NaN stays NaN
/// What has a norm that is not finite stays as it is, and is counted in `skipped`. With n the sum
/// of sizes, the tensors lie one after the other:
///     in   g        [n]
///          w        [n]        with sgd, or where the rule reads the weights
///          v        [n]        with sgd
///     out  g        [n]        without sgd
///          w        [n]        with sgd: w -= lr v, before v is rounded
///          v        [n]        with sgd: v = momentum v + clipped g
///          norm     [1]        before clipping, of all together
///                   [tensors]  or by tensor
///                   [units]    or by unit: those of the tensors that are not empty
///          skipped  [1]        where there are norms
/// f16 and bf16 are storage: norms and products are wider, each result is rounded once.
// clang-format on
struct ClipProblem {
  ClipMode mode = "norm";
  std::vector<std::int64_t> sizes = {};
  std::vector<std::int64_t> units = {};  // by unit: of each tensor; empty: 1, as for a bias
  double threshold = 1.0;
  bool sgd = false;
  double lr = 0.01;
  double momentum = 0.9;
  ClipRoute route = ClipRoute::automatic;
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
