#pragma once

#include "kernels/activation.h"
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
  /// From dh' and dc' (dL/dh', dL/dc' as independent inputs of what follows), the gate values,
  /// c and c': the gradients at the pre-activations and at c.
  template <class T>
  HD static Backward<T> backward(T dh, T dc, const Gates<T>& v, T c, T c_next) {
    const T t = Tanh::value(c_next);
    const T dc_total = dc + dh * v.o * Tanh::slope(c_next, t);
    return {{dc_total * v.g * Sigmoid::slope(T(0), v.i), dc_total * c * Sigmoid::slope(T(0), v.f),
             dc_total * v.i * Tanh::slope(T(0), v.g), dh * t * Sigmoid::slope(T(0), v.o)},
            dc_total * v.f};
  }
};

}  // namespace gradepth
