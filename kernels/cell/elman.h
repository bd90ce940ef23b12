#pragma once

#include "kernels/activation/activation.h"
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
  /// One element backward: da from dh' = dL/dh' and what was kept for the slope: h' = f(a) with
  /// `of_output`, else the pre-activation a.
  template <class Act, bool of_output, class T>
  HD static T backward(T dh, T kept) {
    return dh * slope_of_kept<Act, of_output>(kept);
  }
};

}  // namespace gradepth
