#pragma once

#include <span>
#include <string_view>

#include "bench/meter/gpus.h"
#include "kernels/meter/counts.h"

namespace gradepth {

/// A predicted time. It is a model, never a measurement: the least that each part of the GPU needs
/// for what was counted, the slowest part deciding, plus fixed costs.
struct Prediction {
  double us = 0;
  std::string_view limiter;     // what takes most of it
  double us_without_fixed = 0;  // on a GPU that is full, without launches and barriers
};

/// Launches that follow each other, and the arithmetic of all of them together. What the model
/// assumes:
///   memory    each launch moves its unique sectors once; caches are empty at first, and hold all
///             that is read again
///   L2        what a perfect L1 cache per block leaves, and all stores, at 5120 bytes per clock:
///   the
///             A100's rate (white paper), taken for all
///   on chip   one wavefront of shared memory or line of the L1 cache per processor and clock; a
///             launch of few blocks uses few processors
///   fp32      flops at the peak of the processors in use
///   launch    2 us; grid barrier 1 us: assumptions, not yet measured
Prediction predict(std::span<const meter::LaunchCounts> launches, double flops, const Gpu& gpu);

}  // namespace gradepth
