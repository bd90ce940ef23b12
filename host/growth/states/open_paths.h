#pragma once

#include <span>
#include <vector>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

/// How many ways the gradient has through a net whose units may be shut: ReLU lets it pass as long
/// as one is open.
namespace gradepth::growth {

struct OpenPaths {
  /// Share of units with f'(a) other than 0, by depth d = 1 … L in map L - d + 1; NaN at d = 0 and
  /// where it is not defined (nets other than mlp, cnn and elman, no gradient to judge by).
  std::vector<double> open;
  /// ln of the share of paths whose every slope is other than 0, by depth d = 0 … L: a path goes
  /// from a unit of state L - d to the loss by one unit of every map. Of a sample it is the product
  /// of the maps' open shares, since a path chooses its unit in each map freely; over the batch it
  /// is a mean. Whether the weights along it are 0 is not asked. -infinity where there is none; NaN
  /// for cnn, whose paths reach only a pixel's neighbours, and where `open` is.
  std::vector<double> ln_paths;
};

/// h, dh [L+1, …] and da [L, …] as a provider records them. A slope is the one that the net used:
/// of the stored state where that decides it, else 0 where da is 0 and dh is in the format's range.
OpenPaths open_paths(const GrowthSpec& spec, const Tensor& h, const Tensor& dh, const Tensor& da);

/// ln of the mean of shares, from their ln: over samples or seeds. NaN where one of them is.
double ln_mean_share(std::span<const double> ln_shares);

}  // namespace gradepth::growth
