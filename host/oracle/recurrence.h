#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/activation/activation.h"

/// A recurrent layer forward and back through time in float64, formula by formula, for tests and
/// the meter. It shares nothing with kernels and providers but the activations.
namespace gradepth::oracle {

using Numbers = std::vector<double>;

struct Recurrence {
  std::string cell;  // elman, gru (gates r, z, n), lstm (i, f, g, o) or mgu (f, n); G of them
  std::int64_t T = 0;
  std::int64_t B = 0;
  std::int64_t H = 0;
  Activation act = "tanh";  // elman's
  bool projected = false;   // x has a row for each gate
  double clip_value = 0;    // of what reaches h and c at each step; 0: off

  // clang-format off
  Numbers W{};     // [G, H, H]
  Numbers x{};     // [T, B, H], projected [T, B, G, H]
  Numbers b{};     // [biases, H]; the last of gru and mgu stands beside W_n h
  Numbers h0{};    // [B, H]
  Numbers c0{};    // [B, H], lstm
  Numbers dy{};    // [T, B, H]
  Numbers dc_T{};  // [B, H], lstm

  // Out of forward().
  Numbers h{};      // [T + 1, B, H]
  Numbers c{};      // [T + 1, B, H]
  Numbers a{};      // [T, B, biases, H] pre-activations; gru, mgu last: m = W_n h + b
  Numbers gates{};  // [T, B, biases, H] their values, and m

  // Out of backward(), after forward().
  Numbers dh{};   // [T + 1, B, H] before the clip
  Numbers dc{};   // [T + 1, B, H]
  Numbers da{};   // [T, B, G, H] of what x and b add to
  Numbers dr{};   // [T, B, G, H] of what W h adds to
  Numbers db{};   // [biases, H]
  Numbers dh2{};  // [T + 1] squared norms of (dh, dc)
  Numbers da2{};  // [T + 1] of da; 0 for state 0
  // clang-format on

  [[nodiscard]] std::int64_t gate_count() const;
  [[nodiscard]] std::int64_t bias_count() const;
  [[nodiscard]] bool has_reset() const;

  /// std::invalid_argument for another cell.
  void forward();
  void backward();

 private:
  [[nodiscard]] std::size_t state(std::int64_t s, std::int64_t n, std::int64_t j) const;
  [[nodiscard]] std::size_t saved(std::int64_t t, std::int64_t n, std::int64_t g,
                                  std::int64_t j) const;
  [[nodiscard]] std::size_t gate(std::int64_t t, std::int64_t n, std::int64_t g,
                                 std::int64_t j) const;
  void step(std::int64_t t, std::int64_t n, std::int64_t j);
  void step_back(std::int64_t t, std::int64_t n, std::int64_t j);
};

}  // namespace gradepth::oracle
