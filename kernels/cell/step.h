#pragma once

#include <cstdint>
#include <optional>

#include "kernels/activation/activation.h"
#include "kernels/platform.h"

/// What the kernels of recurrent layers read and write, whichever way they run through time.
/// G gates per unit, K numbers kept (CellInfo), state t = 0 … T; step t makes state t + 1 from t.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Forward: h_{t+1} = cell(W h_t, x_t, b), and c_{t+1} where the cell has one.
struct RecurrentForward {
  std::int64_t T = 0;
  std::int64_t B = 0;
  std::int64_t H = 0;
  const float* W = nullptr;  // [G H, H], rows are outputs
  const float* x = nullptr;  // [T, B, G H] with `projected`, else [T, B, H] for every gate
  bool projected = false;
  const float* b = nullptr;  // [G H]; with a reset gate one H more, inside its product
  float* h = nullptr;        // [T + 1, B, H]; in: state 0; out: the others
  float* c = nullptr;        // as h, or null: the cell has none
  float* gates = nullptr;    // [T, B, K, H] out, or null: the values of the gates
};

/// Backward: from dL/dy_t the gradients at every state and pre-activation. What reaches state t is
/// measured, then clipped to ±clip_value, and goes through the cell (all but state 0).
struct RecurrentBackward {
  std::int64_t T = 0;
  std::int64_t B = 0;
  std::int64_t H = 0;
  const float* W = nullptr;         // [G H, H]
  const float* dy = nullptr;        // [T, B, H], on states 1 … T
  const float* h = nullptr;         // [T + 1, B, H]
  const float* c = nullptr;         // as h, or null
  const float* gates = nullptr;     // [T, B, K, H]
  float clip_value = 0;             // 0: off
  float* da = nullptr;              // [T, B, G H] out: at the pre-activations
  float* dr = nullptr;              // with a reset gate, as da: at the product with W
  float* carry = nullptr;           // [B, H] in: dL/dc_T, out: dL/dc_0; without c workspace
  float* dh0 = nullptr;             // [B, H] out
  float* dh = nullptr;              // [T + 1, B, H] out or null: before the clip
  float* dc = nullptr;              // as dh, or null
  double* partials = nullptr;       // [T + 1, step_quantities, blocks] out or null: not measured
  double* bias_partials = nullptr;  // [parts, biases H] out: summed over parts, db
};

/// Where an activation stands among those that the kernels that run through time know
/// (OnChipActivations): their slope needs only the output. Nothing for others: they go step by
/// step.
enum class OutputActivation : std::uint8_t {};
std::optional<OutputActivation> output_activation(Activation act);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
