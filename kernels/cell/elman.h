#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
#include "kernels/host_device.h"

/// Elman cell, pointwise part (Elman 1990): a = W h + x + b, h' = f(a). Its gate's value is h'
/// itself.
///   Act  has value(a), slope(a) and slope_from_output(y), of one activation or of one of several
namespace gradepth {

template <class Act>
struct ElmanCell {
  static constexpr CellInfo info{
      .name = "elman", .takes_activation = true, .forward_flops = 3, .backward_flops = 6};
  Act act;

  template <class T>
  HD void gate_values(const T (&a)[1], T (&y)[1]) const {
    y[0] = act.value(a[0]);
  }
  template <class T>
  HD static CellState<T> forward(const T (&y)[1], T /*h*/, T /*c*/) {
    return {y[0], T(0)};
  }
  template <class T>
  HD T slopes_from_output(const T (&y)[1], T /*c_next*/) const {
    return act.slope_from_output(y[0]);
  }
  template <class T>
  HD T slopes(const T (&a)[1], const T (&/*y*/)[1], T /*c_next*/) const {
    return act.slope(a[0]);
  }
  template <class T>
  HD static CellGradient<T, 1> backward(T dh, T /*dc*/, const T (&/*y*/)[1], T /*h*/, T /*c*/,
                                        T slope) {
    const T da = dh * slope;
    return {{da}, da, T(0), T(0)};
  }
};

}  // namespace gradepth
