#pragma once

#include "kernels/activation/activation.h"
#include "kernels/host_device.h"

/// GRU cell, pointwise part (Cho et al. 2014), reset after the product as in cuDNN and PyTorch:
///   r = sigmoid(a_r), z = sigmoid(a_z), n = tanh(x_n + r m),  m = W_n h + b_m
///   h' = (1 - z) n + z h
/// Gates are stacked in the order r, z, n. x_n holds input and bias b_n; the bias has a fourth part
/// b_m, inside the reset product.
namespace gradepth {

struct GruCell {
  static constexpr int gates = 3;
  static constexpr int biases = 4;  // b_r, b_z, b_n, b_m

  /// Gate values of one unit, kept for the way back; m is what the reset gate multiplies.
  template <class T>
  struct Gates {
    T r, z, n, m;
  };
  template <class T>
  struct Backward {
    T da_r, da_z, da_n;  // dL/da of each gate; da_n is also dL/dx_n
    T dm;                // dL/dm = da_n r: what the recurrent product sees
    T dh;                // dL/dh through z h only; the rest comes through W
  };

  /// Gate values from the pre-activations of r and z, the input part of n, and m.
  template <class T>
  HD static Gates<T> gate_values(T a_r, T a_z, T x_n, T m) {
    const T r = Sigmoid::value(a_r);
    return {r, Sigmoid::value(a_z), Tanh::value(x_n + r * m), m};
  }
  template <class T>
  HD static T forward(const Gates<T>& v, T h) {
    return (T(1) - v.z) * v.n + v.z * h;
  }
  /// The slopes of the gates, and 1 - z, which z itself no longer tells where it is next to 1.
  template <class T>
  struct Slopes {
    T r, z, n, update;
  };
  /// From the gate values, as frameworks take them.
  template <class T>
  HD static Slopes<T> slopes_from_output(const Gates<T>& v) {
    return {Sigmoid::slope_from_output(v.r), Sigmoid::slope_from_output(v.z),
            Tanh::slope_from_output(v.n), T(1) - v.z};
  }
  /// From the pre-activations a_r, a_z and a_n = x_n + r m: true where a gate is saturated.
  /// 1 - σ(a) is σ(-a), the slope of softplus.
  template <class T>
  HD static Slopes<T> slopes(T a_r, T a_z, T a_n) {
    return {Sigmoid::slope(a_r), Sigmoid::slope(a_z), Tanh::slope(a_n), Softplus::slope(-a_z)};
  }
  /// From dh' = dL/dh', the gate values, h and the slopes.
  template <class T>
  HD static Backward<T> backward(T dh, const Gates<T>& v, T h, const Slopes<T>& slope) {
    const T da_n = dh * slope.update * slope.n;
    const T da_z = dh * (h - v.n) * slope.z;
    const T da_r = da_n * v.m * slope.r;
    return {da_r, da_z, da_n, da_n * v.r, dh * v.z};
  }
  /// The same with the slopes of the outputs.
  template <class T>
  HD static Backward<T> backward(T dh, const Gates<T>& v, T h) {
    return backward(dh, v, h, slopes_from_output(v));
  }
};

}  // namespace gradepth
