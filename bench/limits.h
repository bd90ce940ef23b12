#pragma once

#include "host/problem.h"

namespace gradepth {

/// What this machine's processor can do at best, measured.
struct Limits {
  double bytes_per_second = 0;  // STREAM triad a = b + s c over arrays larger than the caches
  double flops_per_second = 0;  // f32 fused multiply-adds on registers
};

/// The best of three tries; takes about half a second.
Limits measure_limits();

/// The least time that the processor allows for one run that moves `bytes`, in seconds: the larger
/// of bytes / bandwidth and flops / peak. Memory traffic counts only where it does not fit the
/// caches.
double least_seconds(const Limits& limits, const Problem& problem, double bytes);

}  // namespace gradepth
