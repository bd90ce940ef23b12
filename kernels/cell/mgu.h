#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
#include "kernels/host_device.h"

/// Minimal gated unit, pointwise part (Zhou et al. 2016), with its gate applied after the product,
/// as our gru's reset:
///   f = sigmoid(a_f), n = tanh(x_n + f m),  m = W_n h + b_m
///   h' = (1 - f) h + f n
/// Gates are stacked in the order f, n. x_n holds input and bias b_n; the bias has a third part
/// b_m, inside the product with f. The f of the paper, "forget gate", says how much of the state
/// goes: no gate says how much stays, and a forget bias has none to go to.
namespace gradepth {

struct MguCell {
  static constexpr CellInfo info{.name = "mgu",
                                 .gates = 2,
                                 .biases = 3,
                                 .carries_h = true,
                                 .reset_gate = 0,
                                 .forward_flops = 14,
                                 .backward_flops = 18};

  /// f, n and m from a_f, x_n and m.
  template <class T>
  HD static void gate_values(const T (&a)[3], T (&v)[3]) {
    v[0] = Sigmoid::value(a[0]);
    v[1] = Tanh::value(a[1] + v[0] * a[2]);
    v[2] = a[2];
  }
  template <class T>
  HD static CellState<T> forward(const T (&v)[3], T h, T /*c*/) {
    const auto& [f, n, m] = v;
    return {(T(1) - f) * h + f * n, T(0)};
  }
  /// Of the gates, and 1 - f, which f itself no longer tells where it is next to 1.
  template <class T>
  struct Slopes {
    T f, n, keep;
  };
  template <class T>
  HD static Slopes<T> slopes_from_output(const T (&v)[3], T /*c_next*/) {
    return {Sigmoid::slope_from_output(v[0]), Tanh::slope_from_output(v[1]), T(1) - v[0]};
  }
  /// 1 - σ(a) is σ(-a), the slope of softplus.
  template <class T>
  HD static Slopes<T> slopes(const T (&a)[3], const T (&v)[3], T /*c_next*/) {
    return {Sigmoid::slope(a[0]), Tanh::slope(a[1] + v[0] * v[2]), Softplus::slope(-a[0])};
  }
  template <class T>
  HD static CellGradient<T, 2> backward(T dh, T /*dc*/, const T (&v)[3], T h, T /*c*/,
                                        const Slopes<T>& slope) {
    const auto& [f, n, m] = v;
    const T da_n = dh * f * slope.n;
    const T da_f = (dh * (n - h) + da_n * m) * slope.f;
    return {{da_f, da_n}, da_n * f, dh * slope.keep, T(0)};
  }
};

}  // namespace gradepth
