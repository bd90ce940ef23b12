#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "host/oracle/recurrence.h"
#include "kernels/cell/cells.h"
#include "tests/kernels/support.h"

/// Recurrent layers as the kernels get them, for their tests.
namespace gradepth::testing {

struct RecurrentShape {
  std::int64_t T, B, H;
};

/// A layer's inputs, in float, as a kernel gets them.
struct RecurrentNumbers {
  RecurrentCell cell;
  Activation act = "tanh";
  std::int64_t T, B, H;
  bool projected;
  float clip_value = 0;
  std::vector<float> W{}, x{}, b{}, h0{}, c0{}, dy{}, dc{};

  [[nodiscard]] const CellInfo& info() const { return *cell; }
  [[nodiscard]] std::int64_t gates() const { return info().gates; }
  [[nodiscard]] std::int64_t biases() const { return info().biases; }
};

/// Normal draws; W with standard deviation 1 / √H, so that gradients neither vanish nor explode.
inline RecurrentNumbers draw(RecurrentCell cell, const RecurrentShape& shape, bool projected,
                             unsigned seed) {
  RecurrentNumbers n{
      .cell = cell, .T = shape.T, .B = shape.B, .H = shape.H, .projected = projected};
  n.W = normal(n.gates() * n.H * n.H, seed);
  const float scale = 1 / std::sqrt(static_cast<float>(n.H));
  for (float& w : n.W) w *= scale;
  n.x = normal(n.T * n.B * (projected ? n.gates() : 1) * n.H, seed + 1);
  n.b = normal(n.biases() * n.H, seed + 2);
  n.h0 = normal(n.B * n.H, seed + 3);
  n.c0 = normal(n.B * n.H, seed + 4);
  n.dy = normal(n.T * n.B * n.H, seed + 5);
  n.dc = normal(n.B * n.H, seed + 6);
  return n;
}

/// The layer through time in float64.
inline oracle::Recurrence through_time(const RecurrentNumbers& n) {
  const auto doubles = [](const std::vector<float>& x) {
    return oracle::Numbers(x.begin(), x.end());
  };
  oracle::Recurrence exact{.cell = std::string(n.cell.name()),
                           .T = n.T,
                           .B = n.B,
                           .H = n.H,
                           .act = n.act,
                           .projected = n.projected,
                           .clip_value = n.clip_value,
                           .W = doubles(n.W),
                           .x = doubles(n.x),
                           .b = doubles(n.b),
                           .h0 = doubles(n.h0),
                           .c0 = doubles(n.c0),
                           .dy = doubles(n.dy),
                           .dc_T = n.info().has_c ? doubles(n.dc) : oracle::Numbers(n.dc.size())};
  exact.forward();
  exact.backward();
  return exact;
}

}  // namespace gradepth::testing
