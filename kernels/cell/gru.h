#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
#include "kernels/host_device.h"

/// GRU cell, pointwise part (Cho et al. 2014), reset after the product as in cuDNN and PyTorch:
///   r = sigmoid(a_r), z = sigmoid(a_z), n = tanh(x_n + r m),  m = W_n h + b_m
///   h' = (1 - z) n + z h
/// Gates are stacked in the order r, z, n. x_n holds input and bias b_n; the bias has a fourth part
/// b_m, inside the reset product.
namespace gradepth {

struct GruCell {
  static constexpr CellInfo info{.name = "gru",
                                 .gates = 3,
                                 .biases = 4,
                                 .carries_h = true,
                                 .forget_gate = 1,
                                 .reset_gate = 0,
                                 .forward_flops = 18,
                                 .backward_flops = 22};

  /// r, z, n and m from a_r, a_z, x_n and m.
  template <class T>
  HD static void gate_values(const T (&a)[4], T (&v)[4]) {
    v[0] = Sigmoid::value(a[0]);
    v[1] = Sigmoid::value(a[1]);
    v[2] = Tanh::value(a[2] + v[0] * a[3]);
    v[3] = a[3];
  }
  template <class T>
  HD static CellState<T> forward(const T (&v)[4], T h, T /*c*/) {
    const auto& [r, z, n, m] = v;
    return {(T(1) - z) * n + z * h, T(0)};
  }
  /// Of the gates, and 1 - z, which z itself no longer tells where it is next to 1.
  template <class T>
  struct Slopes {
    T r, z, n, update;
  };
  template <class T>
  HD static Slopes<T> slopes_from_output(const T (&v)[4], T /*c_next*/) {
    return {Sigmoid::slope_from_output(v[0]), Sigmoid::slope_from_output(v[1]),
            Tanh::slope_from_output(v[2]), T(1) - v[1]};
  }
  /// 1 - σ(a) is σ(-a), the slope of softplus.
  template <class T>
  HD static Slopes<T> slopes(const T (&a)[4], const T (&v)[4], T /*c_next*/) {
    return {Sigmoid::slope(a[0]), Sigmoid::slope(a[1]), Tanh::slope(a[2] + v[0] * v[3]),
            Softplus::slope(-a[1])};
  }
  template <class T>
  HD static CellGradient<T, 3> backward(T dh, T /*dc*/, const T (&v)[4], T h, T /*c*/,
                                        const Slopes<T>& slope) {
    const auto& [r, z, n, m] = v;
    const T da_n = dh * slope.update * slope.n;
    const T da_z = dh * (h - n) * slope.z;
    const T da_r = da_n * m * slope.r;
    return {{da_r, da_z, da_n}, da_n * r, dh * z, T(0)};
  }
};

}  // namespace gradepth
