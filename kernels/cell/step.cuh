#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/elman.h"
#include "kernels/cell/gru.h"
#include "kernels/cell/lstm.h"
#include "kernels/cell/step.h"
#include "kernels/clip/value.h"
#include "kernels/recurrence/step_statistics.cuh"

/// One element (b, unit) of one step of a cell: what it reads, what it writes. The kernels that run
/// through time and those that go step by step share it.
///
/// A row is (t, b): states and inputs of step t lie at row t B + b, state t + 1 B rows further.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// The activation is the same for the whole launch, so the branch costs next to nothing, and one
/// kernel serves all of them.
template <int place, class F, class Act, class... Rest>
__device__ float with_activation_at(OutputActivation act, F f,
                                    ActivationList<Act, Rest...> /*of*/) {
  static_assert(has_slope_from_output<Act>);
  if constexpr (sizeof...(Rest) > 0) {
    if (act != OutputActivation{place}) {
      return with_activation_at<place + 1>(act, f, ActivationList<Rest...>{});
    }
  }
  return f(Act{});
}
template <class F>
__device__ float with_output_activation(OutputActivation act, F f) {
  return with_activation_at<0>(act, f, OnChipActivations{});
}

struct ElmanStep {
  static constexpr int gates = 1;
  static constexpr int biases = 1;
  static constexpr bool carries_h = false;  // whether a gradient reaches h past W
  static constexpr bool carries_c = false;  // whether the state has a c
  struct Saved {
    float y;
  };
  OutputActivation act;

  [[nodiscard]] __device__ float forward(const RecurrentForward& p, std::int64_t row,
                                         std::int64_t unit, const float (&a)[1], float /*m*/,
                                         float /*state*/) const {
    const float h =
        with_output_activation(act, [&](auto f) { return ElmanCell::forward<decltype(f)>(a[0]); });
    p.h[(row + p.B) * p.H + unit] = h;
    return h;
  }
  [[nodiscard]] __device__ static Saved load(const RecurrentBackward& p, std::int64_t row,
                                             std::int64_t unit) {
    return {p.h[(row + p.B) * p.H + unit]};
  }
  __device__ static void prefetch(const RecurrentBackward& p, std::int64_t row, std::int64_t unit) {
    prefetch_l2(p.h + (row + p.B) * p.H + unit);
  }
  /// da of the step from dh'; what W's product sees is the same.
  __device__ void backward(float dh, float /*dc*/, const Saved& saved, float (&da)[1],
                           float (&dr)[1], float* /*carry*/) const {
    da[0] = dr[0] = with_output_activation(
        act, [&](auto f) { return ElmanCell::backward<decltype(f), true>(dh, saved.y); });
  }
};

/// Gate values that lie one after the other, H apart.
template <class Gates>
__device__ Gates load_gates(const float* gates, std::int64_t row, std::int64_t unit,
                            std::int64_t H) {
  const float* const at = gates + row * 4 * H + unit;
  return {at[0], at[H], at[2 * H], at[3 * H]};
}
__device__ inline void store_gates(float* gates, std::int64_t row, std::int64_t unit,
                                   std::int64_t H, float v0, float v1, float v2, float v3) {
  if (gates == nullptr) return;
  float* const at = gates + row * 4 * H + unit;
  at[0] = v0;
  at[H] = v1;
  at[2 * H] = v2;
  at[3 * H] = v3;
}

__device__ inline void prefetch_gates(const float* gates, std::int64_t row, std::int64_t unit,
                                      std::int64_t H) {
  for (int k = 0; k < 4; ++k) prefetch_l2(gates + (row * 4 + k) * H + unit);
}

struct LstmStep {
  static constexpr int gates = LstmCell::gates;
  static constexpr int biases = 4;
  static constexpr bool carries_h = false;
  static constexpr bool carries_c = true;
  struct Saved {
    LstmCell::Gates<float> gates;
    float c, c_next;
  };

  /// From the pre-activations a and c.
  [[nodiscard]] __device__ static float forward(const RecurrentForward& p, std::int64_t row,
                                                std::int64_t unit, const float (&a)[4], float /*m*/,
                                                float c) {
    const auto v = LstmCell::gate_values(a[0], a[1], a[2], a[3]);
    const auto state = LstmCell::forward(v, c);
    store_gates(p.gates, row, unit, p.H, v.i, v.f, v.g, v.o);
    p.c[(row + p.B) * p.H + unit] = state.c;
    p.h[(row + p.B) * p.H + unit] = state.h;
    return state.h;
  }
  [[nodiscard]] __device__ static Saved load(const RecurrentBackward& p, std::int64_t row,
                                             std::int64_t unit) {
    return {load_gates<LstmCell::Gates<float>>(p.gates, row, unit, p.H), p.c[row * p.H + unit],
            p.c[(row + p.B) * p.H + unit]};
  }
  __device__ static void prefetch(const RecurrentBackward& p, std::int64_t row, std::int64_t unit) {
    prefetch_gates(p.gates, row, unit, p.H);
    prefetch_l2(p.c + row * p.H + unit);
  }
  /// da of the step from dh' and dc'; `carry` becomes dL/dc.
  __device__ static void backward(float dh, float dc, const Saved& saved, float (&da)[4],
                                  float (&dr)[4], float* carry) {
    const auto back = LstmCell::backward(dh, dc, saved.gates, saved.c, saved.c_next);
    da[0] = dr[0] = back.da.i;
    da[1] = dr[1] = back.da.f;
    da[2] = dr[2] = back.da.g;
    da[3] = dr[3] = back.da.o;
    *carry = back.dc;
  }
};

struct GruStep {
  static constexpr int gates = GruCell::gates;
  static constexpr int biases = GruCell::biases;
  static constexpr bool carries_h = true;
  static constexpr bool carries_c = false;
  struct Saved {
    GruCell::Gates<float> gates;
    float h;
  };

  /// From the pre-activations of r and z, the input part of n in a[2], m, and h.
  [[nodiscard]] __device__ static float forward(const RecurrentForward& p, std::int64_t row,
                                                std::int64_t unit, const float (&a)[3], float m,
                                                float h) {
    const auto v = GruCell::gate_values(a[0], a[1], a[2], m);
    const float h_next = GruCell::forward(v, h);
    store_gates(p.gates, row, unit, p.H, v.r, v.z, v.n, v.m);
    p.h[(row + p.B) * p.H + unit] = h_next;
    return h_next;
  }
  [[nodiscard]] __device__ static Saved load(const RecurrentBackward& p, std::int64_t row,
                                             std::int64_t unit) {
    return {load_gates<GruCell::Gates<float>>(p.gates, row, unit, p.H), p.h[row * p.H + unit]};
  }
  __device__ static void prefetch(const RecurrentBackward& p, std::int64_t row, std::int64_t unit) {
    prefetch_gates(p.gates, row, unit, p.H);
    prefetch_l2(p.h + row * p.H + unit);
  }
  /// da of the step from dh'; `carry` becomes what reaches h past W.
  __device__ static void backward(float dh, float /*dc*/, const Saved& saved, float (&da)[3],
                                  float (&dr)[3], float* carry) {
    const auto back = GruCell::backward(dh, saved.gates, saved.h);
    da[0] = dr[0] = back.da_r;
    da[1] = dr[1] = back.da_z;
    da[2] = back.da_n;
    dr[2] = back.dm;
    *carry = back.dh;
  }
};

/// What an element needs of memory, forward; it can be loaded before the product is there.
template <class Cell>
struct ForwardInputs {
  float x[Cell::gates];
  float state;  // h of gru, c of lstm
};

template <class Cell>
__device__ ForwardInputs<Cell> load_forward(const RecurrentForward& p, std::int64_t row,
                                            std::int64_t unit) {
  constexpr int G = Cell::gates;
  ForwardInputs<Cell> in{};
  for (int g = 0; g < G; ++g) {
    in.x[g] = p.projected ? p.x[(row * G + g) * p.H + unit] : p.x[row * p.H + unit];
  }
  if constexpr (Cell::carries_c) in.state = p.c[row * p.H + unit];
  if constexpr (Cell::carries_h) in.state = p.h[row * p.H + unit];
  return in;
}

/// Brings what load_forward will read into L2, so that it need not wait for main memory. (What this
/// layer itself wrote is there.)
template <class Cell>
__device__ void prefetch_forward(const RecurrentForward& p, std::int64_t row, std::int64_t unit) {
  constexpr int G = Cell::gates;
  for (int g = 0; g < (p.projected ? G : 1); ++g) {
    prefetch_l2(p.x + (p.projected ? row * G + g : row) * p.H + unit);
  }
}

/// The biases of a unit.
template <class Cell>
__device__ void load_bias(const float* b, std::int64_t H, std::int64_t unit,
                          float (&bias)[Cell::biases]) {
  for (int k = 0; k < Cell::biases; ++k) bias[k] = b[k * H + unit];
}

/// One element of a step from its products with W; returns the unit's next h.
template <class Cell>
__device__ float forward_element(const Cell& cell, const RecurrentForward& p, std::int64_t row,
                                 std::int64_t unit, const ForwardInputs<Cell>& in,
                                 const float (&bias)[Cell::biases],
                                 const float (&product)[Cell::gates]) {
  constexpr int G = Cell::gates;
  float a[G];
  for (int g = 0; g < G; ++g) a[g] = product[g] + in.x[g] + bias[g];
  float m = 0;
  if constexpr (Cell::biases > G) {  // gru: the product of n stays apart, inside the reset
    a[G - 1] = in.x[G - 1] + bias[G - 1];
    m = product[G - 1] + bias[G];
  }
  return cell.forward(p, row, unit, a, m, in.state);
}

/// What an element of state s needs of memory, backward.
template <class Cell>
struct BackwardInputs {
  float dy;
  float carry;  // gru: what reached h past W; lstm: dL/dc
  typename Cell::Saved saved;
};

template <class Cell>
__device__ BackwardInputs<Cell> load_backward(const RecurrentBackward& p, std::int64_t s,
                                              std::int64_t b, std::int64_t unit) {
  BackwardInputs<Cell> in{};
  const bool has_carry = Cell::carries_c || (Cell::carries_h && s < p.T);
  if (has_carry) in.carry = p.carry[b * p.H + unit];
  if (s == 0) return in;
  const std::int64_t row = (s - 1) * p.B + b;
  in.dy = p.dy[row * p.H + unit];
  in.saved = Cell::load(p, row, unit);
  return in;
}

/// Brings what load_backward will read into L2; not for state 0, which reads next to nothing.
template <class Cell>
__device__ void prefetch_backward(const RecurrentBackward& p, std::int64_t s, std::int64_t b,
                                  std::int64_t unit) {
  const std::int64_t row = (s - 1) * p.B + b;
  prefetch_l2(p.dy + row * p.H + unit);
  Cell::prefetch(p, row, unit);
}

/// One element of state s: measures and clips dL/dstate, and takes it through the cell of the step
/// that made the state. `through` is what came back through W. Adds da to `bias`.
///   dr  out, where s > 0: the gradients at the products with W
template <class Cell>
__device__ void backward_element(const Cell& cell, const RecurrentBackward& p, std::int64_t s,
                                 std::int64_t b, std::int64_t unit, float through,
                                 const BackwardInputs<Cell>& in, float (&dr)[Cell::gates],
                                 double (&bias)[Cell::biases], double (&sums)[step_quantities]) {
  constexpr int G = Cell::gates;
  const std::int64_t state = b * p.H + unit;
  const std::int64_t n = p.B * p.H;
  float dh = through + in.dy;
  if constexpr (Cell::carries_h) dh += in.carry;
  const float dc = Cell::carries_c ? in.carry : 0.F;
  if (p.dh != nullptr) p.dh[s * n + state] = dh;
  if (Cell::carries_c && p.dc != nullptr) p.dc[s * n + state] = dc;
  if (s == 0) {
    p.dh0[state] = dh;
    if (p.partials != nullptr) measure<0>(sums, dh, dc, nullptr);
    return;
  }
  float da[G];
  {
    const float dh_clipped = p.clip_value > 0 ? clipped(dh, p.clip_value) : dh;
    const float dc_clipped = p.clip_value > 0 ? clipped(dc, p.clip_value) : dc;
    cell.backward(dh_clipped, dc_clipped, in.saved, da, dr, p.carry + state);
  }
  if (p.partials != nullptr) measure<G>(sums, dh, dc, da);
  const std::int64_t at = ((s - 1) * p.B + b) * G * p.H + unit;
  for (int g = 0; g < G; ++g) {
    p.da[at + g * p.H] = da[g];
    bias[g] += static_cast<double>(da[g]);
  }
  if constexpr (Cell::biases > G) {  // gru: dr is not da
    for (int g = 0; g < G; ++g) p.dr[at + g * p.H] = dr[g];
    bias[G] += static_cast<double>(dr[G - 1]);
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
