#pragma once

#include "kernels/activation.h"
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
  /// From dh' = dL/dh', the gate values and h.
  template <class T>
  HD static Backward<T> backward(T dh, const Gates<T>& v, T h) {
    const T da_n = dh * (T(1) - v.z) * Tanh::slope(T(0), v.n);
    const T da_z = dh * (h - v.n) * Sigmoid::slope(T(0), v.z);
    const T da_r = da_n * v.m * Sigmoid::slope(T(0), v.r);
    return {da_r, da_z, da_n, da_n * v.r, dh * v.z};
  }
};

}  // namespace gradepth
