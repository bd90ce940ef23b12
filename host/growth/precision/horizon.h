#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/growth/study/spec.h"

/// At which depth a gradient leaves a number format, and what scaling the loss buys.
namespace gradepth::growth {

/// One format. The gradient is lost at a depth where it has lost half of its digits (range.h),
/// where at least half of the elements that are not 0 in float64 are 0, or where an element is not
/// finite. All arrays by depth 0 … L.
struct PrecisionHorizon {
  Dtype dtype = Dtype::f32;
  bool flush = false;        // what lies below the least normal number becomes 0
  double loss_scale = 1;     // of what follows, up to lost_at
  std::vector<double> zero;  // shares of the (scaled) gradient's elements, means over seeds
  std::vector<double> subnormal;
  std::vector<double> nonfinite;
  /// Share of slopes f' that are 0 here and not in float64, in map L - d + 1: stored states round
  /// to where f is flat. NaN at d = 0, and where f' needs more than a recorded state.
  std::vector<double> dead_slope;
  std::optional<double> lost_at;  // least depth, median over seeds; none: never
  /// The power of two nearest to 1 with which no seed loses anything; none: no power does.
  std::optional<double> saving_loss_scale;
  /// The power of two under which the seeds lose their gradients last (mean over seeds; the nearest
  /// to 1 of equals), and the median depth with it.
  double best_loss_scale = 1;
  std::optional<double> best_lost_at;
  double ln_range = 0;  // ln of the largest by the least number that the format holds
  /// ln of the range that keeps the gradient, by float64: its largest element at any depth by the
  /// least of the depths' median elements; median over seeds.
  double ln_needed = 0;
};

/// Runs the net of the spec on the reference in f32, f32 with subnormals flushed, bf16 and f16,
/// rounded after each operation; spec.dtype does not matter. The spec's draws in float64, rounded
/// last. The scales come from the float64 gradients' elements and are then
/// tried on the formats. Throws like measure_growth for a bad spec.
std::vector<PrecisionHorizon> precision_horizons(const GrowthSpec& spec);

/// `f32`, `f32_ftz`, `bf16`, `f16`.
std::string label(const PrecisionHorizon& horizon);

}  // namespace gradepth::growth
