#include "host/oracle/recurrence.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "kernels/activation/activation.h"

namespace gradepth::oracle {
namespace {

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }
std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Sizes {
  const char* cell;
  int gates, biases;
  bool has_reset;
};

Sizes sizes(const std::string& cell) {
  for (const Sizes& known : {Sizes{"elman", 1, 1, false}, Sizes{"lstm", 4, 4, false},
                             Sizes{"gru", 3, 4, true}, Sizes{"mgu", 2, 3, true}}) {
    if (cell == known.cell) return known;
  }
  throw std::invalid_argument("the oracle has no cell " + cell);
}

}  // namespace

std::int64_t Recurrence::gate_count() const { return sizes(cell).gates; }
std::int64_t Recurrence::bias_count() const { return sizes(cell).biases; }
bool Recurrence::has_reset() const { return sizes(cell).has_reset; }

std::size_t Recurrence::state(std::int64_t s, std::int64_t n, std::int64_t j) const {
  return index((s * B + n) * H + j);
}
std::size_t Recurrence::saved(std::int64_t t, std::int64_t n, std::int64_t g,
                              std::int64_t j) const {
  return index(((t * B + n) * bias_count() + g) * H + j);
}
std::size_t Recurrence::gate(std::int64_t t, std::int64_t n, std::int64_t g, std::int64_t j) const {
  return index(((t * B + n) * gate_count() + g) * H + j);
}

void Recurrence::forward() {
  h.assign(index((T + 1) * B * H), 0);
  c.assign(h.size(), 0);
  a.assign(index(T * B * bias_count() * H), 0);
  gates.assign(a.size(), 0);
  std::copy(h0.begin(), h0.end(), h.begin());
  std::copy(c0.begin(), c0.end(), c.begin());
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t n = 0; n < B; ++n) {
      for (std::int64_t j = 0; j < H; ++j) step(t, n, j);
    }
  }
}

/// Unit j of sample n from state t to t + 1.
void Recurrence::step(std::int64_t t, std::int64_t n, std::int64_t j) {
  double pre[4] = {};
  for (std::int64_t g = 0; g < gate_count(); ++g) {
    double product = 0;
    for (std::int64_t k = 0; k < H; ++k) {
      product += W[index((g * H + j) * H + k)] * h[state(t, n, k)];
    }
    const double in = x[projected ? gate(t, n, g, j) : state(t, n, j)] + b[index(g * H + j)];
    const bool apart = has_reset() && g + 1 == gate_count();
    pre[g] = apart ? in : in + product;
    if (apart) pre[g + 1] = product + b[index((g + 1) * H + j)];
  }
  double value[4] = {};
  double& h_next = h[state(t + 1, n, j)];
  if (cell == "elman") {
    with_activation(act, [&](auto f) { h_next = decltype(f)::value(pre[0]); });
  } else if (cell == "lstm") {
    value[0] = sigmoid(pre[0]);
    value[1] = sigmoid(pre[1]);
    value[2] = std::tanh(pre[2]);
    value[3] = sigmoid(pre[3]);
    double& c_next = c[state(t + 1, n, j)];
    c_next = value[1] * c[state(t, n, j)] + value[0] * value[2];
    h_next = value[3] * std::tanh(c_next);
  } else if (cell == "mgu") {
    value[0] = sigmoid(pre[0]);
    value[2] = pre[2];
    value[1] = std::tanh(pre[1] + value[0] * value[2]);
    h_next = (1 - value[0]) * h[state(t, n, j)] + value[0] * value[1];
  } else {
    value[0] = sigmoid(pre[0]);
    value[1] = sigmoid(pre[1]);
    value[3] = pre[3];
    value[2] = std::tanh(pre[2] + value[0] * value[3]);
    h_next = (1 - value[1]) * value[2] + value[1] * h[state(t, n, j)];
  }
  for (std::int64_t g = 0; g < bias_count(); ++g) {
    a[saved(t, n, g, j)] = pre[g];
    gates[saved(t, n, g, j)] = value[g];
  }
}

void Recurrence::backward() {
  dh.assign(h.size(), 0);
  dc.assign(h.size(), 0);
  da.assign(index(T * B * gate_count() * H), 0);
  dr.assign(da.size(), 0);
  db.assign(index(bias_count() * H), 0);
  dh2.assign(index(T + 1), 0);
  da2.assign(index(T + 1), 0);
  std::copy(dc_T.begin(), dc_T.end(), dc.end() - B * H);
  for (std::int64_t s = T; s >= 0; --s) {
    for (std::int64_t n = 0; n < B; ++n) {
      for (std::int64_t j = 0; j < H; ++j) {
        double& d = dh[state(s, n, j)];
        if (s > 0) d += dy[state(s - 1, n, j)];
        dh2[index(s)] += d * d + dc[state(s, n, j)] * dc[state(s, n, j)];
        if (s > 0) step_back(s - 1, n, j);
      }
    }
    if (s == 0) return;
    const std::int64_t t = s - 1;
    for (std::int64_t n = 0; n < B; ++n) {
      for (std::int64_t g = 0; g < gate_count(); ++g) {
        for (std::int64_t j = 0; j < H; ++j) {
          const double v = da[gate(t, n, g, j)];
          const double r = dr[gate(t, n, g, j)];
          da2[index(s)] += v * v;
          db[index(g * H + j)] += v;
          if (has_reset() && g + 1 == gate_count()) db[index((g + 1) * H + j)] += r;
          for (std::int64_t k = 0; k < H; ++k) {
            dh[state(t, n, k)] += W[index((g * H + j) * H + k)] * r;
          }
        }
      }
    }
  }
}

/// From dh and dc of state t + 1, which are complete, to the pre-activations of step t, and what
/// reaches state t beside W.
void Recurrence::step_back(std::int64_t t, std::int64_t n, std::int64_t j) {
  const auto clipped = [&](double v) {
    return clip_value > 0 ? std::clamp(v, -clip_value, clip_value) : v;
  };
  const auto value = [&](std::int64_t g) { return gates[saved(t, n, g, j)]; };
  const auto put = [&](std::int64_t g, double v) {
    da[gate(t, n, g, j)] = dr[gate(t, n, g, j)] = v;
  };
  const double d = clipped(dh[state(t + 1, n, j)]);
  if (cell == "elman") {
    with_activation(act, [&](auto f) { put(0, d * decltype(f)::slope(a[saved(t, n, 0, j)])); });
  } else if (cell == "lstm") {
    const double i = value(0);
    const double f = value(1);
    const double g = value(2);
    const double o = value(3);
    const double tanh_c = std::tanh(c[state(t + 1, n, j)]);
    const double d_c = clipped(dc[state(t + 1, n, j)]) + d * o * (1 - tanh_c * tanh_c);
    put(0, d_c * g * i * (1 - i));
    put(1, d_c * c[state(t, n, j)] * f * (1 - f));
    put(2, d_c * i * (1 - g * g));
    put(3, d * tanh_c * o * (1 - o));
    dc[state(t, n, j)] = d_c * f;
  } else if (cell == "mgu") {
    const double f = value(0);
    const double candidate = value(1);
    const double d_n = d * f * (1 - candidate * candidate);
    put(0, (d * (candidate - h[state(t, n, j)]) + d_n * value(2)) * f * (1 - f));
    put(1, d_n);
    dr[gate(t, n, 1, j)] = d_n * f;
    dh[state(t, n, j)] += d * (1 - f);
  } else {
    const double r = value(0);
    const double z = value(1);
    const double candidate = value(2);
    const double m = value(3);
    const double d_n = d * (1 - z) * (1 - candidate * candidate);
    put(0, d_n * m * r * (1 - r));
    put(1, d * (h[state(t, n, j)] - candidate) * z * (1 - z));
    put(2, d_n);
    dr[gate(t, n, 2, j)] = d_n * r;
    dh[state(t, n, j)] += d * z;
  }
}

}  // namespace gradepth::oracle
