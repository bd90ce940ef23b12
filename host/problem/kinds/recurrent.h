#pragma once

#include <cstdint>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/additive_form.h"
#include "host/problem/kinds/kind.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth {

// clang-format off
/// T steps of a recurrent cell, forward and back through time. G = cell->gates.
///     in   h0        [B, H]
///          Wh        [G*H, H]          rows are outputs; not shared: [T, G*H, H]
///          b         [cell->biases*H]  not shared: [T, cell->biases*H]
///          Wx        [G*H, I]          with project_input
///          x         [T, B, I]         with project_input: the input of Wx
///                    [T, B, H]         else: added as it is to the pre-activation of every gate
///          c0        [B, H]            lstm
///          dy        [T, B, H]         dL/d of each step's output h_t alone
///          dc        [B, H]            lstm: dL/dc_T
///     out  y         [T, B, H]         states h_1 … h_T
///          dh0, dWh, db, dWx, dx, dc0  each like what it is the gradient of
///          dh_norm2  [T+1]             with norms: |dL/d state t|² over batch and features,
///                                      t = 0 … T (lstm: of the pair (h, c)); a provider that
///                                      cannot see inside leaves it out
///     and with record
///          h         [T+1, B, H]       states 0 … T
///          c         [T+1, B, H]       lstm
///          dh        [T+1, B, H]       gradients of the states
///          dc        [T+1, B, H]       lstm
///          da        [T, B, G*H]       gradients at the pre-activations (gru: r, z, n)
///          da_norm2  [T]               with norms: |da|² of each step; not of additive; a provider
///                                      may leave it out
/// additive has no x, b, Wx; its Wh [1] is the scalar w; f_0 = h0, no state before it.
/// forward: no dy and dc; of the outputs only y, and h, c when recorded.
/// clip_value > 0: after its norm was taken, each element of dL/dh_t (lstm: and dL/dc_t) is clipped
/// to ±clip_value before it goes further back; t = 1 … T (state 0 is only reported).
// clang-format on
struct RecurrentProblem {
  RecurrentCell cell = "elman";
  Activation act = "tanh";  // of a cell that takes one; of gates tanh; additive: identity
  std::int64_t T = 64;
  std::int64_t B = 32;
  std::int64_t H = 128;
  Pass pass = Pass::training;
  bool project_input = true;
  std::int64_t I = 0;  // features of x with project_input; 0: H
  bool share = true;
  bool record = false;
  /// Whether dh_norm2 is among the outputs; off shows what measuring it costs.
  bool norms = true;
  double clip_value = 0;
  AdditiveForm form = AdditiveForm::two_term;
  SlopeFrom slope = SlopeFrom::output;
  Dtype dtype = Dtype::f32;

  /// Of each sample of x.
  [[nodiscard]] std::int64_t features() const { return project_input && I > 0 ? I : H; }

  friend bool operator==(const RecurrentProblem&, const RecurrentProblem&) = default;
};

namespace kinds {

void validate(const RecurrentProblem& p);
std::vector<TensorSpec> inputs(const RecurrentProblem& p);
std::vector<TensorSpec> outputs(const RecurrentProblem& p);
const Parts<RecurrentProblem>& parts(const RecurrentProblem& p);
double working_set(const RecurrentProblem& p);
double bytes(const RecurrentProblem& p);
double flops(const RecurrentProblem& p);

}  // namespace kinds
}  // namespace gradepth
