#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/image.h"
#include "host/problem/kinds/kind.h"
#include "kernels/activation/activation.h"

namespace gradepth {

enum class LayerNet : std::uint8_t { mlp, residual, cnn };
inline constexpr std::array<std::string_view, 3> layer_net_names{"mlp", "residual", "cnn"};
constexpr std::string_view name(LayerNet net) {
  return layer_net_names[static_cast<std::size_t>(net)];
}

/// How a residual net's layer adds its branch to what it is given.
enum class Residual : std::uint8_t { plain, preact, scaled };
inline constexpr std::array<std::string_view, 3> residual_names{"plain", "preact", "scaled"};
constexpr std::string_view name(Residual residual) {
  return residual_names[static_cast<std::size_t>(residual)];
}

// clang-format off
/// L layers forward and back.
///   mlp       h' = f(W h + b)
///   residual  plain h' = h + f(W h + b); preact h' = h + W f(h) + b; scaled h' = h + A f(W h + b)
///   cnn       h' = f(conv(h, W) + b), N channels, 8 × 8 images, 3 × 3 kernels, circular padding
///     in   h0        [B, N]           cnn [B, N, 8, 8]
///          W         [L, N, N]        cnn [L, N, N, 3, 3]; rows are outputs; shared: without the L
///          b         [L, N]           shared: [N]
///          dy        like h0          dL/dh_L
///     out  y         like h0          h_L
///          dh0       like h0
///          dW        like W           shared: the sum over layers
///          db        like b
///          dh_norm2  [L+1]            |dL/d state l|² over batch and features, l = 0 … L
///     and with record, for each state or layer like h0
///          h         [L+1, ...]       states 0 … L
///          dh        [L+1, ...]       gradients of the states
///          da        [L, ...]         gradients at the pre-activations (preact: at W f(h) + b)
/// forward: no dy; of the outputs only y, and h when recorded.
/// clip_value as for recurrent problems, states 1 … L.
// clang-format on
struct FeedForwardProblem {
  LayerNet net = LayerNet::mlp;
  Activation act = "tanh";
  std::int64_t L = 16;
  std::int64_t B = 32;
  std::int64_t N = 128;
  Pass pass = Pass::training;
  Residual residual = Residual::plain;
  double residual_scale = 1;  // A of scaled
  bool share = false;         // one W and b for all layers
  bool record = false;
  double clip_value = 0;
  SlopeFrom slope = SlopeFrom::output;
  Dtype dtype = Dtype::f32;

  /// Elements of one sample's state.
  [[nodiscard]] std::int64_t state_size() const { return is_cnn() ? N * image::pixels : N; }
  [[nodiscard]] bool is_cnn() const { return net == LayerNet::cnn; }
  [[nodiscard]] bool is_residual() const { return net == LayerNet::residual; }
  [[nodiscard]] bool is_preact() const { return is_residual() && residual == Residual::preact; }
  /// Of W and b.
  [[nodiscard]] std::int64_t copies() const { return share ? 1 : L; }
  /// A, where the branch has one; else 1.
  [[nodiscard]] double branch_scale() const {
    return is_residual() && residual == Residual::scaled ? residual_scale : 1;
  }

  friend bool operator==(const FeedForwardProblem&, const FeedForwardProblem&) = default;
};

namespace kinds {

void validate(const FeedForwardProblem& p);
std::vector<TensorSpec> inputs(const FeedForwardProblem& p);
std::vector<TensorSpec> outputs(const FeedForwardProblem& p);
const Parts<FeedForwardProblem>& parts(const FeedForwardProblem& p);
double working_set(const FeedForwardProblem& p);
double bytes(const FeedForwardProblem& p);
double flops(const FeedForwardProblem& p);

}  // namespace kinds
}  // namespace gradepth
