#pragma once

#include <limits>
#include <vector>

#include "host/problem/problem.h"

namespace gradepth {

/// The triad's bandwidth with so many bytes in its three arrays.
struct Bandwidth {
  double working_set;
  double bytes_per_second;
};

/// What this machine's processor can do at best, measured.
struct Limits {
  std::vector<Bandwidth> bandwidth;  // by working set, ascending: STREAM triad a = b + s c
  double flops_per_second = 0;       // f32 fused multiply-adds on registers
  int improved = 0;                  // how often they were measured again

  /// Bandwidth of main memory: the largest working set's.
  [[nodiscard]] double memory() const { return bandwidth.back().bytes_per_second; }
};

/// On the team that the kernels use (host/device/threads.h). The best of three tries; takes about a
/// second, and less where no problem's working set is larger than `most` bytes: larger arrays than
/// least_seconds() then looks at are left out.
Limits measure_limits(double most = std::numeric_limits<double>::infinity());

/// The rate of the multiply-adds behind `flops_per_second` in a few milliseconds, once and not at
/// best: how fast the machine is going just now.
double pace();

/// For a row that comes out above a limit: measures again and keeps the best of old and new, at
/// most four times in the life of `limits`. False, and nothing done, after that.
bool improve(Limits& limits);

/// The least time that the processor allows for one run that moves `bytes`, in seconds: the larger
/// of bytes / bandwidth and flops / peak. The bandwidth is that of the largest measured working set
/// that is not larger than the problem's inputs and outputs: what fits a cache is read at the
/// cache's rate.
double least_seconds(const Limits& limits, const Problem& problem, double bytes);

}  // namespace gradepth
