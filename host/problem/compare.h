#pragma once

#include <string>

#include "host/problem/problem.h"
#include "host/problem/tensor.h"

/// How far one output lies from what it should be.
namespace gradepth {

/// How far a provider's outputs lie from the reference, in units of what is allowed.
struct Comparison {
  bool ok = true;
  std::string tensor;     // the one that comes nearest to its tolerance, or lies furthest above
  double error = 0;       // its error relative to the largest entry of its slice
  double tolerance = 0;   // what was allowed
  bool by_entry = false;  // relative to the entry itself, not to its slice's largest
  /// One line for a person: tensor, error, tolerance.
  [[nodiscard]] std::string describe() const;
};

/// The largest distance of `got` from `want` relative to the largest entry of its slice: a step or
/// layer where the tensor has one slice for each (TensorSpec::by_step), so that a gradient that has
/// all but vanished is judged as strictly as any; else the whole tensor. An absolute error below
/// the format's smallest normal number counts as none. Where `want` leaves the format (infinity,
/// NaN), `got` must not be finite either, and the other way round: else the distance is infinite.
/// Squared norms are compared as norms; of `saturated`, a count, the distance is the share of all
/// elements.
double distance(const Problem& problem, const TensorSpec& spec, Tensor got, Tensor want);

/// dx = dy · f'(x), each entry beside its own dy · f'(x): the entry that comes nearest to what
/// rounding may make of it in the format,
///     ε (16 + 4 |ln f'|) for storage of 24 bits or more
/// since an error of the exponent becomes one of e^exponent; next to a zero of f' the larger of the
/// terms of f' stands for f'. Results of 16 bits are rounded once more, by ε of their format.
Comparison compare_slopes(const ActivationProblem& problem, const Tensors& in, const Tensor& got,
                          const Tensor& want);

}  // namespace gradepth
