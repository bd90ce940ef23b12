#include "host/providers/shared/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "host/device/vector_target.h"
#include "host/providers/shared/math.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

// This file is compiled once for each instruction set: its plain loops become that set's vectors.
// The formulas, which the headers above define once, must be inlined into them to become so:
// HWY_FLATTEN.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE \
  "host/providers/shared/elementwise.cpp"  // NOLINT(cppcoreguidelines-macro-usage)
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradepth::cpu::HWY_NAMESPACE {
namespace {

template <class Act>
HWY_FLATTEN void forward(const float* x, float* y, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) y[i] = Act::value(Lane(x[i])).v;
}

/// f' of element i, from y with `of_output` and else from x; the other may be nullptr.
template <class Act, bool of_output>
float slope(const float* x, const float* y, std::ptrdiff_t i) {
  return slope_of_kept<Act, of_output>(Lane(of_output ? y[i] : x[i])).v;
}

template <class Act, bool of_output>
HWY_FLATTEN void backward(const float* x, const float* y, const float* dy, float* dx,
                          std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    dx[i] = dy[i] * slope<Act, of_output>(x, y, i);
  }
}

template <class Act, bool of_output>
HWY_FLATTEN std::ptrdiff_t saturated(const float* x, const float* y, std::ptrdiff_t n) {
  // In 32 bits, which is what the vectors' comparisons give; n is a tile's.
  std::int32_t count = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    count += std::abs(slope<Act, of_output>(x, y, i)) < 0.01F ? 1 : 0;
  }
  return count;
}

template <class Act, bool of_output>
Elementwise loops_of() {
  return {forward<Act>, backward<Act, of_output>, saturated<Act, of_output>, of_output};
}

Elementwise elementwise(Activation act, SlopeFrom from) {
  Elementwise found{};
  with_activation(act, [&](auto f) {
    using Act = decltype(f);
    found = loops_of<Act, false>();
    if constexpr (has_slope_from_output<Act>) {
      if (from == SlopeFrom::output) found = loops_of<Act, true>();
    }
  });
  return found;
}

/// T, once for each index of a pack.
template <std::size_t, class T>
using Each = T;

/// The loops of a cell of gates: `k` runs over what a step keeps, `g` over the gates.
template <class Cell, bool of_output, class Kept, class Gates>
struct RowOf;

// Restrict on each pointer: more arrays than compilers are willing to check for overlap at run
// time. Not inlined, where it would be forgotten.
template <class Cell, bool of_output, std::size_t... k, std::size_t... g>
struct RowOf<Cell, of_output, std::index_sequence<k...>, std::index_sequence<g...>> {
  static constexpr CellInfo info = Cell::info;

  [[gnu::noinline]] HWY_FLATTEN static void forward(Each<k, float>* __restrict... v,
                                                    const float* __restrict h,
                                                    const float* __restrict c,
                                                    float* __restrict h_next,
                                                    float* __restrict c_next, std::ptrdiff_t n) {
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      const Lane a[] = {Lane(v[j])...};
      Lane value[sizeof...(k)];
      Cell::gate_values(a, value);
      const auto next =
          Cell::forward(value, Lane(info.carries_h ? h[j] : 0), Lane(info.has_c ? c[j] : 0));
      if constexpr (of_output) (keep<k>(v + j, value[k]), ...);
      if constexpr (info.has_c) c_next[j] = next.c.v;
      h_next[j] = next.h.v;
    }
  }

  [[gnu::noinline]] HWY_FLATTEN static void backward(
      const Each<k, float>* __restrict... v, const float* __restrict h, const float* __restrict c,
      const float* __restrict c_next, const float* __restrict dh, float* __restrict dc,
      Each<g, float>* __restrict... da, float* __restrict dm, float* __restrict carry,
      std::ptrdiff_t n) {
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      const Lane kept[] = {Lane(v[j])...};
      const auto d =
          through(kept, Lane(dh[j]), Lane(info.has_c ? dc[j] : 0), Lane(info.carries_h ? h[j] : 0),
                  Lane(info.has_c ? c[j] : 0), Lane(info.has_c ? c_next[j] : 0));
      ((da[j] = d.da[g].v), ...);
      if constexpr (info.has_reset()) dm[j] = d.dr.v;
      if constexpr (info.has_c) dc[j] = d.dc.v;
      if constexpr (info.carries_h) carry[j] = d.dh.v;
    }
  }

 private:
  template <std::size_t i>
  static void keep(float* at, Lane value) {
    if constexpr (i < static_cast<std::size_t>(info.gates)) *at = value.v;
  }

  /// What goes back through one unit, from its gate values or from their pre-activations.
  static auto through(const Lane (&kept)[sizeof...(k)], Lane dh, Lane dc, Lane h, Lane c,
                      Lane c_next) {
    if constexpr (of_output) {
      return Cell::backward(dh, dc, kept, h, c, Cell::slopes_from_output(kept, c_next));
    } else {
      Lane value[sizeof...(k)];
      Cell::gate_values(kept, value);
      return Cell::backward(dh, dc, value, h, c, Cell::slopes(kept, value, c_next));
    }
  }
};

/// Part i of what a step keeps: the gates, `stride` apart, then m.
template <class Cell, class T>
T* part(T* gates, std::ptrdiff_t stride, T* m, std::size_t i) {
  return i < static_cast<std::size_t>(Cell::info.gates)
             ? gates + static_cast<std::ptrdiff_t>(i) * stride
             : m;
}

/// What `at` points at, as the arguments of the loops.
template <class Cell, bool of_output, std::size_t... k, std::size_t... g>
CellLoops gated_loops(std::index_sequence<k...> /*kept*/, std::index_sequence<g...> /*gates*/) {
  using Row = RowOf<Cell, of_output, std::index_sequence<k...>, std::index_sequence<g...>>;
  return {{},
          [](const Elementwise& /*act*/, const CellForward& at, std::ptrdiff_t n) {
            Row::forward(part<Cell>(at.a, at.stride, at.m, k)..., at.h, at.c, at.h_next, at.c_next,
                         n);
          },
          [](const Elementwise& /*act*/, const CellBackward& at, std::ptrdiff_t n) {
            Row::backward(part<Cell>(at.a, at.stride, at.m, k)..., at.h, at.c, at.c_next, at.dh,
                          at.dc, part<Cell>(at.da, at.stride, at.da, g)..., at.dm, at.carry, n);
          }};
}

CellLoops cell(RecurrentCell cell, Activation act, SlopeFrom from) {
  CellLoops found{};
  with_cell(cell, Tanh{}, [&]<class Cell>(const Cell&) {
    if constexpr (Cell::info.takes_activation) {  // h' is f of its one gate
      found = {elementwise(act, from),
               [](const Elementwise& f, const CellForward& at, std::ptrdiff_t n) {
                 f.forward(at.a, at.h_next, n);
               },
               [](const Elementwise& f, const CellBackward& at, std::ptrdiff_t n) {
                 f.backward(at.a, at.h_next, at.dh, at.da, n);
               }};
    } else {
      constexpr std::make_index_sequence<Cell::info.biases> kept;
      constexpr std::make_index_sequence<Cell::info.gates> gates;
      found = from == SlopeFrom::output ? gated_loops<Cell, true>(kept, gates)
                                        : gated_loops<Cell, false>(kept, gates);
    }
  });
  return found;
}

void clip(float* x, float limit, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) x[i] = clamp(x[i], -limit, limit);
}

void scale(float* x, double factor, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i] * factor);
}

void sgd(const float* __restrict g, float limit, double factor, double lr, double momentum,
         float* __restrict w, float* __restrict v, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const double next = momentum * v[i] + factor * clamp(g[i], -limit, limit);
    v[i] = static_cast<float>(next);
    w[i] = static_cast<float>(w[i] - lr * next);
  }
}

void add(float* x, const float* y, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) x[i] += y[i];
}

void add_bias(const float* x, const float* b, float* a, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) a[i] = x[i] + b[i];
}

void add_scaled(const float* h, float A, const float* f, float* out, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = h[i] + A * f[i];
}

void multiply_by(float w, const float* x, float* y, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) y[i] = w * x[i];
}

void stream(float* to, const float* from, std::ptrdiff_t n) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  constexpr auto lanes = static_cast<std::ptrdiff_t>(hwy::HWY_NAMESPACE::MaxLanes(d));
  std::ptrdiff_t i = 0;
  const auto misaligned = [&] {
    return reinterpret_cast<std::uintptr_t>(to + i) % (lanes * sizeof(float)) != 0;
  };
  for (; i < n && misaligned(); ++i) to[i] = from[i];
  for (; i + lanes <= n; i += lanes) {
    hwy::HWY_NAMESPACE::Stream(hwy::HWY_NAMESPACE::LoadU(d, from + i), d, to + i);
  }
  for (; i < n; ++i) to[i] = from[i];
}

double sum_of_squares(const float* x, std::ptrdiff_t n) {
  // Sixteen sums at once: the compiler may not reorder one.
  constexpr std::ptrdiff_t lanes = 16;
  double sums[lanes] = {};
  std::ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (std::ptrdiff_t j = 0; j < lanes; ++j) {
      const double wide = x[i + j];
      sums[j] += wide * wide;
    }
  }
  double total = 0;
  for (; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (std::ptrdiff_t width = lanes / 2; width > 0; width /= 2) {
    for (std::ptrdiff_t j = 0; j < width; ++j) sums[j] += sums[j + width];
  }
  return total + sums[0];
}

double dot(const float* x, const float* y, std::ptrdiff_t n) {
  double sum = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  }
  return sum;
}

void column_sums(const float* a, std::ptrdiff_t rows, std::ptrdiff_t lda, float* sums,
                 std::ptrdiff_t n) {
  constexpr std::ptrdiff_t most = 64;
  constexpr std::ptrdiff_t block_rows = 64;
  double total[most] = {};
  for (std::ptrdiff_t r = 0; r < rows; r += block_rows) {
    float partial[most] = {};
    for (std::ptrdiff_t i = r; i < std::min(rows, r + block_rows); ++i) {
      for (std::ptrdiff_t j = 0; j < n; ++j) partial[j] += a[i * lda + j];
    }
    for (std::ptrdiff_t j = 0; j < n; ++j) total[j] += static_cast<double>(partial[j]);
  }
  for (std::ptrdiff_t j = 0; j < n; ++j) sums[j] = static_cast<float>(total[j]);
}

Loops all_loops() {
  return {elementwise, cell,        clip,   scale,          sgd, add,        add_bias,
          add_scaled,  multiply_by, stream, sum_of_squares, dot, column_sums};
}

}  // namespace
}  // namespace gradepth::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradepth::cpu {
namespace {
HWY_EXPORT(all_loops);
}  // namespace

const Loops& loops() {
  static const Loops chosen = on_vector_target([] { return HWY_DYNAMIC_DISPATCH(all_loops)(); });
  return chosen;
}

}  // namespace gradepth::cpu
#endif  // HWY_ONCE
