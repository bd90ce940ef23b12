#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/image.h"
#include "host/problem/kinds/kind.h"
#include "kernels/activation/activation.h"

namespace gradepth {

// clang-format off
/// L layers forward and back.
///   mlp       h' = f(W h + b)
///   residual  plain h' = h + f(W h + b); preact h' = h + W f(h) + b; scaled h' = h + A f(W h + b)
///   cnn       h' = f(conv(h, W) + b), N channels, 8 × 8 images, 3 × 3 kernels, circular padding
///     in   h0        [B, N]           cnn [B, N, 8, 8]
///          W         [L, N, N]        cnn [L, N, N, 3, 3]; rows are outputs
///          b         [L, N]
///          dy        like h0          dL/dh_L
///     out  y         like h0          h_L
///          dh0       like h0
///          dW        like W
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

  /// Elements of one sample's state.
  [[nodiscard]] std::int64_t state_size() const { return net == "cnn" ? N * image::pixels : N; }

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
