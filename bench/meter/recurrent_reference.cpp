#include "bench/meter/recurrent_reference.h"

#include <cmath>
#include <cstddef>

namespace gradepth {
namespace {

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }
std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

void RecurrentReference::forward(const RecurrentLayer& layer) {
  const auto& [cell, T, B, H] = layer;
  const std::int64_t G = layer.gates();
  const std::int64_t n = B * H;
  h.assign(index((T + 1) * n), 0);
  c.assign(index((T + 1) * n), 0);
  gates.assign(index(T * B * 4 * H), 0);
  std::copy(h0.begin(), h0.end(), h.begin());
  std::copy(c0.begin(), c0.end(), c.begin());
  for (std::int64_t row = 0; row < T * B; ++row) {  // row t B + b: step t of entry b
    const double* const h_now = &h[index(row * H)];
    for (std::int64_t j = 0; j < H; ++j) {
      double product[4] = {};
      double in[4] = {};
      for (std::int64_t g = 0; g < G; ++g) {
        const double* const w = &W[index((g * H + j) * H)];
        for (std::int64_t k = 0; k < H; ++k) product[g] += w[k] * h_now[k];
        in[g] = x[index(row * H + j)] + b[index(g * H + j)];
      }
      double& h_next = h[index((row + B) * H + j)];
      double* const gate = &gates[index(row * 4 * H + j)];  // gate g stands H g further
      if (cell == "elman") {
        h_next = std::tanh(in[0] + product[0]);
      } else if (cell == "lstm") {
        gate[0] = sigmoid(in[0] + product[0]);
        gate[H] = sigmoid(in[1] + product[1]);
        gate[2 * H] = std::tanh(in[2] + product[2]);
        gate[3 * H] = sigmoid(in[3] + product[3]);
        double& c_next = c[index((row + B) * H + j)];
        c_next = gate[H] * c[index(row * H + j)] + gate[0] * gate[2 * H];
        h_next = gate[3 * H] * std::tanh(c_next);
      } else {
        gate[0] = sigmoid(in[0] + product[0]);
        gate[H] = sigmoid(in[1] + product[1]);
        gate[3 * H] = product[2] + b[index(3 * H + j)];
        gate[2 * H] = std::tanh(in[2] + gate[0] * gate[3 * H]);
        h_next = (1 - gate[H]) * gate[2 * H] + gate[H] * h_now[j];
      }
    }
  }
}

void RecurrentReference::backward(const RecurrentLayer& layer) {
  const auto& [cell, T, B, H] = layer;
  const std::int64_t G = layer.gates();
  da.assign(index(T * B * G * H), 0);
  dr = da;
  Numbers dh(index((T + 1) * B * H), 0);  // at row s B + b: of state s
  Numbers dc_of(dh.size(), 0);
  std::copy(dc.begin(), dc.end(), dc_of.end() - B * H);
  for (std::int64_t row = T * B - 1; row >= 0; --row) {
    for (std::int64_t j = 0; j < H; ++j) {
      const std::size_t now = index(row * H + j);
      const std::size_t next = index((row + B) * H + j);
      const double d = dh[next] + dy[now];
      const double* const gate = &gates[index(row * 4 * H + j)];
      double a[4] = {};
      double r_of_n = 0;
      if (cell == "elman") {
        a[0] = d * (1 - h[next] * h[next]);
      } else if (cell == "lstm") {
        const double i = gate[0];
        const double f = gate[H];
        const double g = gate[2 * H];
        const double o = gate[3 * H];
        const double tanh_c = std::tanh(c[next]);
        const double d_c = dc_of[next] + d * o * (1 - tanh_c * tanh_c);
        a[0] = d_c * g * i * (1 - i);
        a[1] = d_c * c[now] * f * (1 - f);
        a[2] = d_c * i * (1 - g * g);
        a[3] = d * tanh_c * o * (1 - o);
        dc_of[now] = d_c * f;
      } else {
        const double r = gate[0];
        const double z = gate[H];
        const double n = gate[2 * H];
        a[2] = d * (1 - z) * (1 - n * n);
        a[0] = a[2] * gate[3 * H] * r * (1 - r);
        a[1] = d * (h[now] - n) * z * (1 - z);
        r_of_n = a[2] * r;
        dh[now] += d * z;
      }
      for (std::int64_t g = 0; g < G; ++g) {
        const std::size_t at = index((row * G + g) * H + j);
        da[at] = a[g];
        dr[at] = cell == "gru" && g == 2 ? r_of_n : a[g];
        const double* const w = &W[index((g * H + j) * H)];
        for (std::int64_t k = 0; k < H; ++k) dh[index(row * H + k)] += w[k] * dr[at];
      }
    }
  }
  dh0.assign(dh.begin(), dh.begin() + B * H);
}

}  // namespace gradepth
