#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "kernels/activation/activation.h"

/// Mean-field theory of wide random nets (Poole et al. 2016, 1606.05340; Schoenholz et al. 2017,
/// 1611.01232): pre-activations are Gaussian of variance q, and from map to map
///   q  ← σ_w² E f(√q z)² + noise,   noise = σ_b² (+ S² of a driven recurrent net)
///   |dL/dh|² ← χ |dL/dh|²,          χ = σ_w² E f'(√q z)²
namespace gradepth::growth {

struct MeanField {
  Activation activation = "tanh";
  double sigma_w2 = 1;  // weights have variance sigma_w2 / fan_in
  double noise = 0;     // variance of what is added to W h: bias, input

  /// One application of the map of q.
  [[nodiscard]] double next_q(double q) const;
  /// The factor by which one map changes the squared norm of the gradient.
  [[nodiscard]] double chi(double q) const;
  /// Slope of the map of q: a fixed point is stable where it lies below 1.
  [[nodiscard]] double q_slope(double q) const;

  /// The stable fixed points of the map, ascending; with f(0) = 0 and no noise, 0 may be one.
  /// Empty when q grows for ever, and when every q is a fixed point (ReLU at σ_w² = 2, noise 0).
  [[nodiscard]] std::vector<double> stable_q() const;
  /// The stable fixed point that q reaches from ln q_1, if any.
  [[nodiscard]] std::optional<double> limit_q(double ln_q1) const;

  /// The same maps in ln q, which has no range to leave.
  [[nodiscard]] double next_ln_q(double ln_q) const;
  [[nodiscard]] double ln_chi(double ln_q) const;
};

/// Variances carried from map to map.
struct Carried {
  std::vector<double> ln_chi;  // [n], of maps 1 … n: what each does to the squared gradient
  double ln_q;                 // before map n
};
/// From ln q_1, by the map of ln q and by ln χ at ln q. Where q has come to rest, or moves by less
/// than a thousandth per map, several maps are one step: the cost does not grow with n.
Carried carry(double ln_q1, std::size_t n, const std::function<double(double)>& next_ln_q,
              const std::function<double(double)>& ln_chi);
Carried carry(const MeanField& field, double ln_q1, std::size_t n);

/// ln-norm per map that a measurement finds (window_slope) where these maps are the whole way.
double window_rate(std::span<const double> ln_chi);

/// ln-norm of each of these maps, ½ ln χ.
std::vector<double> ln_norm_by_map(std::span<const double> ln_chi);

/// ln(e^a + e^b)
double ln_sum(double a, double b);

/// The σ_w at which χ = 1 at the stable fixed point; the least where there are several, none where
/// there is none.
///
/// On the critical line σ_w² = 1 / E f'(√q z)², so that q is the root of
/// q - E f² / E f'² = noise: one equation in one unknown.
std::optional<double> critical_sigma(Activation activation, double noise);

/// Maps over which the squared gradient norm changes by a factor e, ξ = 1 / |ln χ| (Schoenholz et
/// al. 2017, eq. 15); none at χ = 1.
std::optional<double> depth_scale(double chi);

}  // namespace gradepth::growth
