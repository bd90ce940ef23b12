#pragma once

#include "kernels/host_device.h"

namespace gradepth {

/// x clipped to [-limit, limit]. By comparisons: fmin and fmax would turn NaN into the limit.
template <class T>
HD T clipped(T x, T limit) {
  return x > limit ? limit : x < -limit ? -limit : x;
}

}  // namespace gradepth
