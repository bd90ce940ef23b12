#pragma once

#include "kernels/activation/activation.h"
#include "kernels/host_device.h"

/// LSTM cell, pointwise part (Hochreiter & Schmidhuber 1997, with the forget gate of Gers 2000):
///   i = sigmoid(a_i), f = sigmoid(a_f), g = tanh(a_g), o = sigmoid(a_o)
///   c' = f c + i g,   h' = o tanh(c')
/// Gates are stacked in the order i, f, g, o, as in PyTorch and cuDNN.
namespace gradepth {

struct LstmCell {
  static constexpr int gates = 4;

  /// Gate values of one unit, kept for the way back.
  template <class T>
  struct Gates {
    T i, f, g, o;
  };
  template <class T>
  struct State {
    T h, c;
  };
  template <class T>
  struct Backward {
    Gates<T> da;  // dL/da of each gate
    T dc;         // dL/dc through the forget path only: the state's c as an input of this map
  };

  /// Gate values from the pre-activations.
  template <class T>
  HD static Gates<T> gate_values(T a_i, T a_f, T a_g, T a_o) {
    return {Sigmoid::value(a_i), Sigmoid::value(a_f), Tanh::value(a_g), Sigmoid::value(a_o)};
  }
  /// The next state from the gate values and c.
  template <class T>
  HD static State<T> forward(const Gates<T>& v, T c) {
    const T c_next = v.f * c + v.i * v.g;
    return {v.o * Tanh::value(c_next), c_next};
  }
  /// The slopes of the gates, and of tanh at c'.
  template <class T>
  struct Slopes {
    T i, f, g, o, c;
  };
  /// From the gate values and t = tanh(c'), as frameworks take them.
  template <class T>
  HD static Slopes<T> slopes_from_output(const Gates<T>& v, T t) {
    return {Sigmoid::slope_from_output(v.i), Sigmoid::slope_from_output(v.f),
            Tanh::slope_from_output(v.g), Sigmoid::slope_from_output(v.o),
            Tanh::slope_from_output(t)};
  }
  /// From the pre-activations and c': true where a gate is saturated.
  template <class T>
  HD static Slopes<T> slopes(T a_i, T a_f, T a_g, T a_o, T c_next) {
    return {Sigmoid::slope(a_i), Sigmoid::slope(a_f), Tanh::slope(a_g), Sigmoid::slope(a_o),
            Tanh::slope(c_next)};
  }
  /// From dh' and dc' (dL/dh', dL/dc' as independent inputs of what follows), the gate values,
  /// t = tanh(c'), c and the slopes: the gradients at the pre-activations and at c.
  template <class T>
  HD static Backward<T> backward(T dh, T dc, const Gates<T>& v, T t, T c, const Slopes<T>& slope) {
    const T dc_total = dc + dh * v.o * slope.c;
    return {{dc_total * v.g * slope.i, dc_total * c * slope.f, dc_total * v.i * slope.g,
             dh * t * slope.o},
            dc_total * v.f};
  }
  /// The same with the slopes of the outputs.
  template <class T>
  HD static Backward<T> backward(T dh, T dc, const Gates<T>& v, T c, T c_next) {
    const T t = Tanh::value(c_next);
    return backward(dh, dc, v, t, c, slopes_from_output(v, t));
  }
};

}  // namespace gradepth
