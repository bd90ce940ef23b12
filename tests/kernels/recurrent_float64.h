#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/activation/activation.h"
#include "tests/kernels/support.h"

/// Recurrent cells forward and back through time in float64, formula by formula, for the tests of
/// the kernels. It shares no code with them but the activations.
namespace gradepth::testing {

struct RecurrentShape {
  std::int64_t T, B, H;
};

/// A layer's inputs, in float, as a kernel gets them.
struct RecurrentNumbers {
  std::string cell, act = "tanh";
  std::int64_t T, B, H;
  bool projected;
  float clip_value = 0;
  std::vector<float> W{}, x{}, b{}, h0{}, c0{}, dy{}, dc{};

  [[nodiscard]] std::int64_t gates() const { return cell == "lstm" ? 4 : cell == "gru" ? 3 : 1; }
  [[nodiscard]] std::int64_t biases() const { return cell == "elman" ? 1 : 4; }
};

/// Normal draws; W with standard deviation 1 / √H, so that gradients neither vanish nor explode.
inline RecurrentNumbers draw(const std::string& cell, const RecurrentShape& shape, bool projected,
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

/// Everything that a layer's step leaves behind, laid out as the kernels have it.
struct Float64Recurrence {
  using Numbers = std::vector<double>;
  Numbers h, c, dh, dc, da, dr, db, dh2, da2;

  explicit Float64Recurrence(RecurrentNumbers numbers) : n(std::move(numbers)) {
    const std::size_t states = length((n.T + 1) * n.B * n.H);
    for (Numbers* v : {&h, &c, &dh, &dc}) v->assign(states, 0);
    a.assign(length(n.T * n.B * 4 * n.H), 0);
    da.assign(length(n.T * n.B * n.gates() * n.H), 0);
    dr = da;
    db.assign(length(n.biases() * n.H), 0);
    dh2.assign(length(n.T + 1), 0);
    da2.assign(length(n.T + 1), 0);
    std::copy(n.h0.begin(), n.h0.end(), h.begin());
    std::copy(n.c0.begin(), n.c0.end(), c.begin());
    for (std::int64_t t = 0; t < n.T; ++t) forward(t);
    if (n.cell == "lstm") std::copy(n.dc.begin(), n.dc.end(), dc.end() - n.B * n.H);
    for (std::int64_t s = n.T; s >= 0; --s) backward(s);
  }

 private:
  [[nodiscard]] std::size_t state(std::int64_t s, std::int64_t b, std::int64_t j) const {
    return length((s * n.B + b) * n.H + j);
  }
  [[nodiscard]] std::size_t gate(std::int64_t t, std::int64_t b, std::int64_t g,
                                 std::int64_t j) const {
    return length(((t * n.B + b) * n.gates() + g) * n.H + j);
  }
  static double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

  /// Pre-activations into a [T, B, 4, H] (gru: the fourth is m), then the cell.
  void forward(std::int64_t t) {
    const std::int64_t G = n.gates();
    for (std::int64_t b = 0; b < n.B; ++b) {
      for (std::int64_t j = 0; j < n.H; ++j) {
        double* const pre = &a[length((t * n.B + b) * 4 * n.H + j * 4)];
        double m = 0;
        for (std::int64_t g = 0; g < G; ++g) {
          double product = 0;
          for (std::int64_t k = 0; k < n.H; ++k) {
            product +=
                static_cast<double>(n.W[length((g * n.H + j) * n.H + k)]) * h[state(t, b, k)];
          }
          const double in =
              static_cast<double>(n.x[n.projected ? gate(t, b, g, j) : state(t, b, j)]) +
              n.b[length(g * n.H + j)];
          const bool apart = n.cell == "gru" && g == 2;
          pre[g] = apart ? in : in + product;
          if (apart) m = product + n.b[length(3 * n.H + j)];
        }
        const double h_now = h[state(t, b, j)];
        double& h_next = h[state(t + 1, b, j)];
        if (n.cell == "elman") {
          with_activation(n.act, [&](auto f) { h_next = decltype(f)::value(pre[0]); });
        } else if (n.cell == "lstm") {
          double& c_next = c[state(t + 1, b, j)];
          c_next = sigmoid(pre[1]) * c[state(t, b, j)] + sigmoid(pre[0]) * std::tanh(pre[2]);
          h_next = sigmoid(pre[3]) * std::tanh(c_next);
        } else {
          const double z = sigmoid(pre[1]);
          h_next = (1 - z) * std::tanh(pre[2] + sigmoid(pre[0]) * m) + z * h_now;
          pre[3] = m;
        }
      }
    }
  }

  [[nodiscard]] double clipped(double v) const {
    const double limit = n.clip_value;
    return limit > 0 ? std::clamp(v, -limit, limit) : v;
  }

  /// dh of state s is complete but for dy; leaves what reaches state s - 1 there.
  void backward(std::int64_t s) {
    for (std::int64_t b = 0; b < n.B; ++b) {
      for (std::int64_t j = 0; j < n.H; ++j) {
        double& d = dh[state(s, b, j)];
        if (s > 0) d += n.dy[state(s - 1, b, j)];
        dh2[length(s)] += d * d + dc[state(s, b, j)] * dc[state(s, b, j)];
        if (s > 0) cell_backward(s, b, j);
      }
    }
    if (s == 0) return;
    const std::int64_t t = s - 1;
    for (std::int64_t b = 0; b < n.B; ++b) {
      for (std::int64_t g = 0; g < n.gates(); ++g) {
        for (std::int64_t j = 0; j < n.H; ++j) {
          const double v = da[gate(t, b, g, j)];
          da2[length(s)] += v * v;
          db[length(g * n.H + j)] += v;
          if (n.cell == "gru" && g == 2) db[length(3 * n.H + j)] += dr[gate(t, b, g, j)];
          for (std::int64_t k = 0; k < n.H; ++k) {
            dh[state(t, b, k)] += n.W[length((g * n.H + j) * n.H + k)] * dr[gate(t, b, g, j)];
          }
        }
      }
    }
  }

  void cell_backward(std::int64_t s, std::int64_t b, std::int64_t j) {
    const std::int64_t t = s - 1;
    const double* const pre = &a[length((t * n.B + b) * 4 * n.H + j * 4)];
    const double d = clipped(dh[state(s, b, j)]);
    const auto put = [&](std::int64_t g, double v) {
      da[gate(t, b, g, j)] = dr[gate(t, b, g, j)] = v;
    };
    if (n.cell == "elman") {
      with_activation(n.act, [&](auto f) { put(0, d * decltype(f)::slope(pre[0])); });
    } else if (n.cell == "lstm") {
      const double i = sigmoid(pre[0]);
      const double f = sigmoid(pre[1]);
      const double g = std::tanh(pre[2]);
      const double o = sigmoid(pre[3]);
      const double tanh_c = std::tanh(c[state(s, b, j)]);
      const double d_c = clipped(dc[state(s, b, j)]) + d * o * (1 - tanh_c * tanh_c);
      put(0, d_c * g * i * (1 - i));
      put(1, d_c * c[state(t, b, j)] * f * (1 - f));
      put(2, d_c * i * (1 - g * g));
      put(3, d * tanh_c * o * (1 - o));
      dc[state(t, b, j)] = d_c * f;
    } else {
      const double r = sigmoid(pre[0]);
      const double z = sigmoid(pre[1]);
      const double m = pre[3];
      const double c_n = std::tanh(pre[2] + r * m);
      const double d_n = d * (1 - z) * (1 - c_n * c_n);
      put(0, d_n * m * r * (1 - r));
      put(1, d * (h[state(t, b, j)] - c_n) * z * (1 - z));
      put(2, d_n);
      dr[gate(t, b, 2, j)] = d_n * r;
      dh[state(t, b, j)] += d * z;
    }
  }

  RecurrentNumbers n;
  Numbers a;
};

}  // namespace gradepth::testing
