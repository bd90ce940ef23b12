#pragma once

#include "kernels/host_device.h"

/// Elman cell, pointwise part (Elman 1990): a = W h + x + b, h' = f(a).
namespace gradepth {

struct ElmanCell {
  static constexpr int gates = 1;  // rows of W per unit

  /// One element forward: h' from the pre-activation a.
  template <class Act, class T>
  HD static T forward(T a) {
    return Act::value(a);
  }
  /// One element backward: da from dh' = dL/dh', the pre-activation a and h' = f(a).
  template <class Act, class T>
  HD static T backward(T dh, T a, T h) {
    return dh * Act::slope(a, h);
  }
};

}  // namespace gradepth
