#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/tensor.h"
#include "kernels/activation/activation.h"

/// The four kinds of problem: names, sizes, tensors, bytes, flops.
///
/// A problem says everything about a workload but the numbers in its tensors. A feed-forward net
/// and a recurrent net are both chains of maps; in a recurrent net the maps share W. State 0 is the
/// input end, the last state the loss end.
namespace gradepth {

/// Which part of a training step a problem asks for.
enum class Pass : std::uint8_t { forward, backward, training };

/// y = f(x), or dx = dy · f'(x).
///   forward:   in x; out y                                             all [rows, cols]
///   backward:  in x, y, dy; out dx; with bias_gradient db [cols], the sum of dx over rows; with
///              count_saturated saturated [1], the number of elements with |f'| < 0.01
/// f16 and bf16 are storage: x, y, dy are numbers of the format, arithmetic is wider, and each
/// result is rounded to the format once; db adds up what is stored in dx.
struct ActivationProblem {
  std::string act = "tanh";
  std::int64_t rows = 1024;
  std::int64_t cols = 1024;
  Pass pass = Pass::backward;
  bool bias_gradient = false;
  bool count_saturated = false;
  SlopeFrom slope = SlopeFrom::output;
  Dtype dtype = Dtype::f32;
};

/// How kernels clip by a norm that is known only when all is read: on_chip reads the gradient once
/// and keeps it there, two_launches reads it twice; automatic takes on_chip where it fits. Other
/// providers do not care.
enum class ClipRoute : std::uint8_t { automatic, on_chip, two_launches };

/// Clips a list of tensors by a rule of kernels/clip/rules.h, in place or as part of the weights'
/// update.
///   g · min(1, limit / |g|), |g| over all elements that share a norm; or, by element, each to
///   [-threshold, threshold], where NaN stays NaN
/// What has a norm that is not finite stays as it is, and is counted in `skipped`.
///   in  g [sum of sizes], the tensors one after the other; w like g with sgd or where the rule
///       reads the weights; v with sgd
///   out g, or with sgd w and v:  v = momentum v + clipped g,  w -= lr v (before v is rounded);
///       and other than by element norm (before clipping): [1], by tensor [tensors], by unit
///       [units of the tensors that are not empty]; and skipped [1]
/// f16 and bf16 are storage: norms and products are wider, each result is rounded once.
struct ClipProblem {
  std::string mode = "norm";  // a rule
  std::vector<std::int64_t> sizes = {};
  std::vector<std::int64_t> units = {};  // by unit: of each tensor; empty: 1, as for a bias
  double threshold = 1.0;
  bool sgd = false;
  double lr = 0.01;
  double momentum = 0.9;
  ClipRoute route = ClipRoute::automatic;
  Dtype dtype = Dtype::f32;
};

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
};

/// L layers forward and back.
///   mlp       h' = f(W h + b)
///   residual  plain h' = h + f(W h + b); preact h' = h + W f(h) + b; scaled h' = h + A f(W h + b)
///   cnn       h' = f(conv(h, W) + b), N channels, 8 × 8 images, 3 × 3 kernels, circular padding
///   in  h0 [B, N] (cnn [B, N, 8, 8]), W [L, N, N] (cnn [L, N, N, 3, 3]), b [L, N], dy like h0:
///   dL/dh_L out y like h0: h_L; dh0; dW, db like W, b; dh_norm2 [L+1] With `record` also h, dh
///   [L+1, ...] and da [L, ...] (preact: the gradient at W f(h) + b). forward: only y (and h when
///   recorded).  clip_value as for recurrent problems, states 1 … L.
struct FeedForwardProblem {
  std::string net = "mlp";  // mlp, residual, cnn
  std::string act = "tanh";
  std::int64_t L = 16;
  std::int64_t B = 32;
  std::int64_t N = 128;
  Pass pass = Pass::training;
  std::string residual = "plain";  // plain, preact, scaled
  double residual_scale = 1;       // A of scaled
  bool record = false;
  double clip_value = 0;
  SlopeFrom slope = SlopeFrom::output;
  Dtype dtype = Dtype::f32;

  static constexpr std::int64_t image = 8;
  static constexpr std::int64_t kernel = 3;
  /// Elements of one sample's state.
  [[nodiscard]] std::int64_t state_size() const { return net == "cnn" ? N * image * image : N; }
};

using Problem = std::variant<ActivationProblem, ClipProblem, RecurrentProblem, FeedForwardProblem>;

struct TensorSpec {
  std::string name;
  Shape shape;
  /// Whether the first extent counts steps, layers or the states between them: each is judged by
  /// its own size.
  bool by_step = false;
};

/// Rows of Wh per unit: elman 1, lstm 4, gru 3, additive 1.
std::int64_t gates(std::string_view cell);
/// Bias entries per unit: elman 1, lstm 4, gru 4 (r, z, n, and the one inside the reset product).
std::int64_t biases(std::string_view cell);

/// std::invalid_argument, in one line, when a name is unknown or a size is out of range.
void validate(const Problem& problem);

/// The tensors that a plan needs and gives (a provider may leave out dh_norm2).
std::vector<TensorSpec> inputs(const Problem& problem);
std::vector<TensorSpec> outputs(const Problem& problem);

/// `recurrent/elman/tanh/f32/T64_B32_H512`: the problem's part of a row's name.
std::string name(const Problem& problem);
/// `output` or `input`.
std::string_view name(SlopeFrom from);
/// `auto`, `on_chip` or `two_launches`.
std::string_view name(ClipRoute route);
/// Where the slopes of a problem come from in truth: from the input where the output does not say
/// them; none where there is no activation.
std::optional<SlopeFrom> slopes_from(const Problem& problem);
/// Whether slopes from the input are asked for that could come from the output: not every provider
/// has them.
bool asks_for_input_slopes(const Problem& problem);
/// The problem with its slopes from there, where there is a choice; else as it is.
Problem with_slopes(Problem problem, SlopeFrom from);
/// `activation`, `clip`, `recurrent` or `feedforward`.
std::string_view kind(const Problem& problem);
Dtype dtype(const Problem& problem);
/// Number of maps from the input end to the loss; 1 for activation and clip.
std::int64_t depth(const Problem& problem);

/// Whether only the forward pass is asked for; a clip has none.
bool is_forward_only(const Problem& problem);
/// Whether it is a training step of a net, forward and back.
bool is_training(const Problem& problem);

/// The least main-memory traffic of one run in bytes: every input read once, every output written
/// once; clip by norm reads the gradient twice unless it stays on chip. A floor, not a count.
double bytes(const Problem& problem);
/// Bytes of all inputs and outputs of one run, each once (what is clipped in place counts once).
double working_set(const Problem& problem);
/// Floating-point operations of one run: a multiply-add counts 2, the elementwise parts count as
/// the operations of a plain formula, transcendental functions as one.
double flops(const Problem& problem);

}  // namespace gradepth
