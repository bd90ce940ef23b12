#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/draw/initialise.h"
#include "host/problem/net.h"
#include "host/problem/problem.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {

/// Defaults: W gaussian:1, h0 gaussian:1, bias and input 0, the loss on an LSTM's c.
[[nodiscard]] inline Initialisation growth_initialisation() {
  Initialisation init;
  init.loss_on = Initialisation::LossOn::c;
  return init;
}

/// One growth study: a net, how it is drawn, and over which seeds. What can be set of it is said by
/// its knobs (host/growth/knobs/knobs.h).
struct GrowthSpec {
  Net net = "mlp";
  Activation activation = "tanh";
  std::int64_t depth = 50;   // maps from the input end to the loss
  std::int64_t width = 128;  // units; cnn: channels
  std::int64_t batch = 1;
  /// h0, bias, loss gradient and so on. `h0` is ignored with `h0_fixed_point`.
  Initialisation init = growth_initialisation();
  bool h0_fixed_point = false;  // h0 such that q_1 is the mean-field fixed point
  /// One W and b for all maps, or fresh ones for each; unsaid: one in recurrent nets alone.
  std::optional<bool> share = {};
  Residual residual = Residual::plain;
  double residual_scale = 1;
  AdditiveForm form = AdditiveForm::two_term;
  std::int64_t seeds = 8;
  std::uint64_t first_seed = 1;
  double half_width = 0;  // of the rate's interval: seeds are drawn until it is there; 0: off
  std::int64_t max_seeds = 5000;  // but not more than these
  double clip_value = 0;
  SlopeFrom slope = SlopeFrom::output;  // f64 takes the exact ones, whatever this says
  Dtype dtype = Dtype::f32;
  // Beside the gradient itself (jacobian_growth.h):
  std::int64_t lyapunov = 0;     // leading exponents to find
  bool singular_values = false;  // of the whole product
  bool transient = false;        // |W^t| also where it takes long
  bool renormalised = false;     // also where the format did not run out
  bool window = false;           // of gains (laws/window.h)
};

[[nodiscard]] bool is_recurrent(const GrowthSpec& spec);
[[nodiscard]] bool is_cnn(const GrowthSpec& spec);
[[nodiscard]] bool is_additive(const GrowthSpec& spec);
[[nodiscard]] bool is_residual(const GrowthSpec& spec);
[[nodiscard]] bool is_preact(const GrowthSpec& spec);
/// A, where a residual net's branch has one; else 1.
[[nodiscard]] double branch_scale(const GrowthSpec& spec);
/// Whether the net's state is (h, c).
[[nodiscard]] bool has_c(const GrowthSpec& spec);
/// Whether h' = f(W h + x + b), and nothing else: mlp, cnn, elman.
[[nodiscard]] bool is_plain_chain(const GrowthSpec& spec);
/// The plain chains but for images: mlp, elman.
[[nodiscard]] bool is_dense_chain(const GrowthSpec& spec);
[[nodiscard]] bool is_elman(const GrowthSpec& spec);
/// Rows of its W per unit: a cell's gates; of layers 1.
[[nodiscard]] int gates(const GrowthSpec& spec);
/// Whether all maps have one W.
[[nodiscard]] bool is_shared(const GrowthSpec& spec);

/// Whether anything is added to W h: a bias, an input, drawn or from a file.
[[nodiscard]] bool has_bias(const GrowthSpec& spec);
[[nodiscard]] bool has_input(const GrowthSpec& spec);
/// Whether W's entries are independent Gaussian numbers.
[[nodiscard]] bool has_gaussian_weights(const GrowthSpec& spec);
/// Whether some of W is left out; in pieces, by rows, blocks or a band.
[[nodiscard]] bool is_sparse(const GrowthSpec& spec);
[[nodiscard]] bool is_structured(const GrowthSpec& spec);
/// Whether the loss gradient is one uniform direction.
[[nodiscard]] bool has_one_unit_gradient(const GrowthSpec& spec);

/// Elements of one sample's state; h alone where it is (h, c).
[[nodiscard]] double state_size(const GrowthSpec& spec);
/// Variance of what is added to W h in map 1 … L: bias and Gaussian input. None for a constant bias
/// other than 0: pre-activations then have a mean, which the theory here leaves out.
[[nodiscard]] std::optional<double> noise_variance(const GrowthSpec& spec, std::int64_t map);
/// ln of the mean square of h0's elements, for a start that is given (not `h0_fixed_point`).
[[nodiscard]] double ln_start_variance(const GrowthSpec& spec);

/// `gaussian:1.5`, `he`: as on the command line.
[[nodiscard]] std::string text(const WeightInit& init);
[[nodiscard]] std::string text(const ValueInit& init);

}  // namespace gradepth::growth
