#pragma once

#include <string>

#include "host/problem.h"
#include "host/provider.h"

namespace gradepth {

/// How far a provider's outputs lie from the reference, in units of what is allowed.
struct Comparison {
  bool ok = true;
  std::string tensor;    // the one that lies furthest off
  double error = 0;      // its error relative to the largest entry of its slice
  double tolerance = 0;  // what was allowed
  bool by_norm = false;  // see compare()
  /// One line for a person: tensor, error, tolerance.
  [[nodiscard]] std::string describe() const;
};

/// The relative error allowed between a provider's tensors and the float64 reference on the same
/// inputs:
///     tolerance = 4 ε · (8 + √K) · √depth
/// ε is the format's spacing at 1, K the length of the longest sum behind one element, depth the
/// number of maps. A sum of K rounded products errs by about √K ε/2 if roundings are independent
/// (Higham 2002, section 2.8); functions and pointwise formulas err by a few ε, the 8; each map
/// adds its own error and a net that neither grows nor shrinks carries it on, so after `depth` maps
/// √depth as much; 4 is the distance from a typical error to the largest of some 10^6.
///
/// Products in TF32 add 4 · 2 ε_tf32 · √depth: each of a product's two factors errs by up to ε_tf32
/// (some devices cut off instead of rounding), independently of the others, so that a sum of K such
/// products errs as much relative to its own typical size, √K times that of one.
///
/// Activations and clips in f16 and bf16 compute in float and round each result once, as the
/// reference does: the two may be rounded to neighbours, ε of the format, and with a bias gradient
/// so may the terms of its sum, another ε. What is computed before adds the error of float.
double tolerance(const Problem& problem, Math math = Math::fma);

/// Compares slice by slice: for tensors with one slice per step or layer, each slice is measured by
/// its own largest entry, so that a vanishing gradient is compared as strictly as any. An absolute
/// error below the format's smallest normal number is let pass. Where the reference leaves the
/// format (infinity, NaN), the provider's number must not be finite either, and the other way
/// round. Squared norms are compared as norms. Counts of saturated elements may differ by those
/// whose slope lies within the relative error of 0.01: at most a share of `tolerance` in float.
Comparison compare(const Problem& problem, Plan& plan, Plan& reference);

}  // namespace gradepth
