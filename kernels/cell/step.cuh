#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
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

/// The activation of a launch, one of those.
struct OnChip {
  OutputActivation act;

  [[nodiscard]] __device__ float value(float a) const {
    return with_output_activation(act, [&](auto f) { return decltype(f)::value(a); });
  }
  [[nodiscard]] __device__ float slope_from_output(float y) const {
    return with_output_activation(act, [&](auto f) { return decltype(f)::slope_from_output(y); });
  }
};

/// A cell with what its steps read and write. What a step keeps lies one after the other, H apart.
template <class Cell>
struct CellStep {
  // One by one: device code may read constants of these types, but no part of `info`.
  static constexpr int gates = Cell::info.gates;
  static constexpr int biases = Cell::info.biases;
  static constexpr int kept = Cell::info.kept();
  static constexpr bool has_c = Cell::info.has_c;
  static constexpr bool carries_h = Cell::info.carries_h;
  static constexpr bool has_reset = Cell::info.has_reset();
  static_assert(!(has_c && carries_h), "a thread carries one number from step to step");
  /// What backward reads of the step that made a state.
  struct Saved {
    float v[biases];  // the gates' values
    float h;          // where a gradient reaches it past W
    float c, c_next;
  };
  Cell cell;

  /// From the pre-activations a and the state; returns the next h.
  [[nodiscard]] __device__ float forward(const RecurrentForward& p, std::int64_t row,
                                         std::int64_t unit, const float (&a)[biases], float h,
                                         float c) const {
    float v[biases];
    cell.gate_values(a, v);
    const auto state = cell.forward(v, h, c);
    if constexpr (kept > 0) {
      if (p.gates != nullptr) {
        float* const at = p.gates + row * kept * p.H + unit;
        for (int k = 0; k < kept; ++k) at[k * p.H] = v[k];
      }
    }
    if constexpr (has_c) p.c[(row + p.B) * p.H + unit] = state.c;
    p.h[(row + p.B) * p.H + unit] = state.h;
    return state.h;
  }
  [[nodiscard]] __device__ static Saved load(const RecurrentBackward& p, std::int64_t row,
                                             std::int64_t unit) {
    Saved saved{};
    if constexpr (kept > 0) {
      const float* const at = p.gates + row * kept * p.H + unit;
      for (int k = 0; k < kept; ++k) saved.v[k] = at[k * p.H];
    } else {
      saved.v[0] = p.h[(row + p.B) * p.H + unit];
    }
    if constexpr (carries_h) saved.h = p.h[row * p.H + unit];
    if constexpr (has_c) {
      saved.c = p.c[row * p.H + unit];
      saved.c_next = p.c[(row + p.B) * p.H + unit];
    }
    return saved;
  }
  __device__ static void prefetch(const RecurrentBackward& p, std::int64_t row, std::int64_t unit) {
    if constexpr (kept > 0) {
      for (int k = 0; k < kept; ++k) prefetch_l2(p.gates + (row * kept + k) * p.H + unit);
    } else {
      prefetch_l2(p.h + (row + p.B) * p.H + unit);
    }
    if constexpr (carries_h) prefetch_l2(p.h + row * p.H + unit);
    if constexpr (has_c) prefetch_l2(p.c + row * p.H + unit);
  }
  /// da of the step and what W's product sees, from dh' and dc'; `carry` becomes what reaches c, or
  /// h past W.
  __device__ void backward(float dh, float dc, const Saved& saved, float (&da)[gates],
                           float (&dr)[gates], float* carry) const {
    const auto back = cell.backward(dh, dc, saved.v, saved.h, saved.c,
                                    cell.slopes_from_output(saved.v, saved.c_next));
    for (int g = 0; g < gates; ++g) dr[g] = da[g] = back.da[g];
    dr[gates - 1] = back.dr;
    if constexpr (has_c) *carry = back.dc;
    if constexpr (carries_h) *carry = back.dh;
  }
};

/// What an element needs of memory, forward; it can be loaded before the product is there.
template <class Step>
struct ForwardInputs {
  float x[Step::gates];
  float state;  // c, or h where a gate keeps some of it
};

template <class Step>
__device__ ForwardInputs<Step> load_forward(const RecurrentForward& p, std::int64_t row,
                                            std::int64_t unit) {
  constexpr int G = Step::gates;
  ForwardInputs<Step> in{};
  for (int g = 0; g < G; ++g) {
    in.x[g] = p.projected ? p.x[(row * G + g) * p.H + unit] : p.x[row * p.H + unit];
  }
  if constexpr (Step::has_c) in.state = p.c[row * p.H + unit];
  if constexpr (Step::carries_h) in.state = p.h[row * p.H + unit];
  return in;
}

/// Brings what load_forward will read into L2, so that it need not wait for main memory. (What this
/// layer itself wrote is there.)
template <class Step>
__device__ void prefetch_forward(const RecurrentForward& p, std::int64_t row, std::int64_t unit) {
  constexpr int G = Step::gates;
  for (int g = 0; g < (p.projected ? G : 1); ++g) {
    prefetch_l2(p.x + (p.projected ? row * G + g : row) * p.H + unit);
  }
}

/// The biases of a unit.
template <class Step>
__device__ void load_bias(const float* b, std::int64_t H, std::int64_t unit,
                          float (&bias)[Step::biases]) {
  for (int k = 0; k < Step::biases; ++k) bias[k] = b[k * H + unit];
}

/// One element of a step from its products with W; returns the unit's next h.
template <class Step>
__device__ float forward_element(const Step& step, const RecurrentForward& p, std::int64_t row,
                                 std::int64_t unit, const ForwardInputs<Step>& in,
                                 const float (&bias)[Step::biases],
                                 const float (&product)[Step::gates]) {
  float a[Step::biases];
  preactivations(product, in.x, bias, a);
  return step.forward(p, row, unit, a, in.state, in.state);
}

/// What an element of state s needs of memory, backward.
template <class Step>
struct BackwardInputs {
  float dy;
  float carry;  // dL/dc, or what reached h past W
  typename Step::Saved saved;
};

template <class Step>
__device__ BackwardInputs<Step> load_backward(const RecurrentBackward& p, std::int64_t s,
                                              std::int64_t b, std::int64_t unit) {
  BackwardInputs<Step> in{};
  const bool has_carry = Step::has_c || (Step::carries_h && s < p.T);
  if (has_carry) in.carry = p.carry[b * p.H + unit];
  if (s == 0) return in;
  const std::int64_t row = (s - 1) * p.B + b;
  in.dy = p.dy[row * p.H + unit];
  in.saved = Step::load(p, row, unit);
  return in;
}

/// Brings what load_backward will read into L2; not for state 0, which reads next to nothing.
template <class Step>
__device__ void prefetch_backward(const RecurrentBackward& p, std::int64_t s, std::int64_t b,
                                  std::int64_t unit) {
  const std::int64_t row = (s - 1) * p.B + b;
  prefetch_l2(p.dy + row * p.H + unit);
  Step::prefetch(p, row, unit);
}

/// One element of state s: measures and clips dL/dstate, and takes it through the cell of the step
/// that made the state. `through` is what came back through W. Adds da to `bias`.
///   dr  out, where s > 0: the gradients at the products with W
template <class Step>
__device__ void backward_element(const Step& step, const RecurrentBackward& p, std::int64_t s,
                                 std::int64_t b, std::int64_t unit, float through,
                                 const BackwardInputs<Step>& in, float (&dr)[Step::gates],
                                 double (&bias)[Step::biases], double (&sums)[step_quantities]) {
  constexpr int G = Step::gates;
  const std::int64_t state = b * p.H + unit;
  const std::int64_t n = p.B * p.H;
  float dh = through + in.dy;
  if constexpr (Step::carries_h) dh += in.carry;
  const float dc = Step::has_c ? in.carry : 0.F;
  if (p.dh != nullptr) p.dh[s * n + state] = dh;
  if (Step::has_c && p.dc != nullptr) p.dc[s * n + state] = dc;
  if (s == 0) {
    p.dh0[state] = dh;
    if (p.partials != nullptr) measure<0>(sums, dh, dc, nullptr);
    return;
  }
  float da[G];
  {
    const float dh_clipped = p.clip_value > 0 ? clipped(dh, p.clip_value) : dh;
    const float dc_clipped = p.clip_value > 0 ? clipped(dc, p.clip_value) : dc;
    step.backward(dh_clipped, dc_clipped, in.saved, da, dr, p.carry + state);
  }
  if (p.partials != nullptr) measure<G>(sums, dh, dc, da);
  const std::int64_t at = ((s - 1) * p.B + b) * G * p.H + unit;
  for (int g = 0; g < G; ++g) {
    p.da[at + g * p.H] = da[g];
    bias[g] += static_cast<double>(da[g]);
  }
  if constexpr (Step::has_reset) {  // dr is not da
    for (int g = 0; g < G; ++g) p.dr[at + g * p.H] = dr[g];
    bias[G] += static_cast<double>(dr[G - 1]);
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
