#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
#include "kernels/host_device.h"

/// LSTM cell, pointwise part (Hochreiter & Schmidhuber 1997, with the forget gate of Gers 2000):
///   i = sigmoid(a_i), f = sigmoid(a_f), g = tanh(a_g), o = sigmoid(a_o)
///   c' = f c + i g,   h' = o tanh(c')
/// Gates are stacked in the order i, f, g, o, as in PyTorch and cuDNN.
namespace gradepth {

struct LstmCell {
  static constexpr CellInfo info{.name = "lstm",
                                 .gates = 4,
                                 .biases = 4,
                                 .has_c = true,
                                 .forget_gate = 1,
                                 .forward_flops = 18,
                                 .backward_flops = 30};

  template <class T>
  HD static void gate_values(const T (&a)[4], T (&v)[4]) {
    v[0] = Sigmoid::value(a[0]);
    v[1] = Sigmoid::value(a[1]);
    v[2] = Tanh::value(a[2]);
    v[3] = Sigmoid::value(a[3]);
  }
  template <class T>
  HD static CellState<T> forward(const T (&v)[4], T /*h*/, T c) {
    const auto& [i, f, g, o] = v;
    const T c_next = f * c + i * g;
    return {o * Tanh::value(c_next), c_next};
  }
  /// Of the gates, and tanh(c') with its slope.
  template <class T>
  struct Slopes {
    T i, f, g, o;
    T tanh_c, c;
  };
  template <class T>
  HD static Slopes<T> slopes_from_output(const T (&v)[4], T c_next) {
    const T tanh_c = Tanh::value(c_next);
    return {Sigmoid::slope_from_output(v[0]),
            Sigmoid::slope_from_output(v[1]),
            Tanh::slope_from_output(v[2]),
            Sigmoid::slope_from_output(v[3]),
            tanh_c,
            Tanh::slope_from_output(tanh_c)};
  }
  template <class T>
  HD static Slopes<T> slopes(const T (&a)[4], const T (&/*v*/)[4], T c_next) {
    return {Sigmoid::slope(a[0]), Sigmoid::slope(a[1]), Tanh::slope(a[2]),
            Sigmoid::slope(a[3]), Tanh::value(c_next),  Tanh::slope(c_next)};
  }
  /// From dh' and dc' (dL/dh', dL/dc' as independent inputs of what follows).
  template <class T>
  HD static CellGradient<T, 4> backward(T dh, T dc, const T (&v)[4], T /*h*/, T c,
                                        const Slopes<T>& slope) {
    const auto& [i, f, g, o] = v;
    const T dc_total = dc + dh * o * slope.c;
    const T da_o = dh * slope.tanh_c * slope.o;
    return {{dc_total * g * slope.i, dc_total * c * slope.f, dc_total * i * slope.g, da_o},
            da_o,
            T(0),
            dc_total * f};
  }
};

}  // namespace gradepth
