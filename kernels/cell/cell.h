#pragma once

#include <string_view>

#include "kernels/host_device.h"

/// What a recurrent cell is. Each is one struct in a file of its own, for every floating type and
/// every machine; cells.h lists them. A cell has
///   info           what everything around its formulas asks
///   gate_values    v from the pre-activations a, one per bias
///   forward        the next state from v and the state
///   slopes, slopes_from_output
///                  those of the gates, from what went into them (true where a gate is saturated)
///                  or from v, as frameworks take them
///   backward       what a gradient at the next state is at the pre-activations and at the state
/// Arrays over gates are in the order in which the gates are stacked in W.
namespace gradepth {

struct CellInfo {
  std::string_view name;
  int gates = 1;                  // rows of W per unit
  int biases = 1;                 // rows of b per unit: one per gate, one more with a reset gate
  bool has_matrices = true;       // else one number w is all its weights
  bool has_c = false;             // its state is (h, c), and a loss may see either
  bool carries_h = false;         // a gradient reaches h past W as well
  bool takes_activation = false;  // h' is the value of its one gate; else tanh stands inside
  int forget_gate = -1;           // the gate that says how much of the state stays; -1: none
  int reset_gate = -1;  // the gate that multiplies the last gate's product with W, and the
                        // bias inside, m = W h + b: a[gates] is m, and a[gates - 1] what
                        // x and its own bias add; -1: none
  // Operations per unit of the pointwise part, a transcendental function counting as one.
  int forward_flops = 0, backward_flops = 0;

  [[nodiscard]] constexpr bool has_reset() const { return reset_gate >= 0; }
  /// Numbers per unit that a step keeps for the way back beside its states.
  [[nodiscard]] constexpr int kept() const { return takes_activation ? 0 : biases; }
};

/// a of one unit from its products with W, what comes in and its biases: behind a reset gate, which
/// has one more, the last product stays apart with it.
template <class T, int gates, int biases>
HD void preactivations(const T (&Wh)[gates], const T (&x)[gates], const T (&b)[biases],
                       T (&a)[biases]) {
  for (int g = 0; g < gates; ++g) a[g] = Wh[g] + x[g] + b[g];
  if constexpr (biases > gates) {
    a[gates - 1] = x[gates - 1] + b[gates - 1];
    a[gates] = Wh[gates - 1] + b[gates];
  }
}

/// One unit's state; c only where the cell has one.
template <class T>
struct CellState {
  T h, c;
};

/// The way back of one unit through one step.
template <class T, int gates>
struct CellGradient {
  T da[gates];  // dL/da of each gate: at what x and b are added to
  T dr;         // dL/d of the last gate's product with W: da, or dL/dm with a reset gate
  T dh;         // dL/dh past W
  T dc;         // dL/dc
};

}  // namespace gradepth
