#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gradepth {

/// A recurrent layer's problem, as the kernels of kernels/recurrence/persistent.h get it.
///   G gates per unit: elman 1 (tanh), gru 3 (r, z, n), lstm 4 (i, f, g, o)
struct RecurrentLayer {
  std::string_view cell;
  std::int64_t T = 0;
  std::int64_t B = 0;
  std::int64_t H = 0;

  [[nodiscard]] std::int64_t gates() const { return cell == "lstm" ? 4 : cell == "gru" ? 3 : 1; }
  [[nodiscard]] std::int64_t biases() const { return cell == "elman" ? 1 : 4; }
};

/// The layer forward and back through time in float64, by the formulas of kernels/cell_*.h, to
/// compare the kernels with.
struct RecurrentReference {
  using Numbers = std::vector<double>;
  // In: W [G H, H], x [T, B, H], b [biases, H], h0, c0 [B, H], dy [T, B, H], dL/dc_T [B, H].
  Numbers W, x, b, h0, c0, dy, dc;
  // Out: h, c [T + 1, B, H], gates [T, B, 4, H] (gru: the fourth is W_n h + b_4),
  // da, dr [T, B, G, H], dh0 [B, H].
  Numbers h, c, gates, da, dr, dh0;

  void forward(const RecurrentLayer& layer);
  /// After forward().
  void backward(const RecurrentLayer& layer);
};

}  // namespace gradepth
