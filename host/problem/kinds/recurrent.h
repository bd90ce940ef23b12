#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/kind.h"
#include "kernels/activation/activation.h"

namespace gradepth {

/// T steps of a recurrent cell, forward and back through time. G = gates(cell).
///   in  h0 [B, H]; Wh [G*H, H], rows are outputs ([T, G*H, H] when not shared);
///       b [biases(cell)*H] ([T, biases*H] when not shared);
///       x [T, B, I], the input of Wx [G*H, I], with project_input; else x [T, B, H], added as it
///       is to the pre-activation of every gate; dy [T, B, H], dL/d of each step's output h_t
///       alone; lstm also c0 [B, H], dc [B, H] (dL/dc_T) additive: x, b, Wx are absent; Wh [1] is
///       the scalar w; f_0 = h0, f_{-1} = 0
///   out y [T, B, H] states h_1 … h_T; dx like x; dh0 [B, H]; dWh, dWx, db like their weights;
///   lstm dc0;
///       dh_norm2 [T+1]: |dL/d state t|² over batch and features, t = 0 … T (lstm: of the pair (h,
///       c)); a provider that cannot see inside leaves dh_norm2 out.
///   With `record` also h, dh [T+1, B, H]: the states and their gradients, da [T, B, G*H]: the
///   gradient at the pre-activations (gru: r, z, n), and for lstm c, dc [T+1, B, H].
///   forward: only y (and h, c when recorded).
///   clip_value > 0: after its norm was taken, each element of dL/dh_t (lstm: and dL/dc_t) is
///   clipped to ±clip_value before it goes further back; t = 1 … T (state 0 is only reported).
struct RecurrentProblem {
  std::string cell = "elman";  // elman, lstm, gru, additive
  std::string act = "tanh";    // elman's activation; lstm and gru: tanh; additive: identity
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
  std::string form =
      "two-term";  // additive: f' = w (f + f_prev), or "sum": f' = w Σ of all earlier f
  SlopeFrom slope = SlopeFrom::output;
  Dtype dtype = Dtype::f32;

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
