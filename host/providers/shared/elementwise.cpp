#include "host/providers/shared/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "host/device/vector_target.h"
#include "host/providers/shared/math.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/gru.h"
#include "kernels/cell/lstm.h"

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

Elementwise elementwise(std::string_view act, SlopeFrom from) {
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

// Restrict on each pointer: more arrays than compilers are willing to check for overlap at run
// time.
template <bool of_output>
HWY_FLATTEN void lstm_forward(float* __restrict i, float* __restrict f, float* __restrict g,
                              float* __restrict o, const float* __restrict c,
                              float* __restrict c_next, float* __restrict h_next,
                              std::ptrdiff_t n) {
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const auto v = LstmCell::gate_values(Lane(i[j]), Lane(f[j]), Lane(g[j]), Lane(o[j]));
    const auto next = LstmCell::forward(v, Lane(c[j]));
    if constexpr (of_output) {
      i[j] = v.i.v;
      f[j] = v.f.v;
      g[j] = v.g.v;
      o[j] = v.o.v;
    }
    c_next[j] = next.c.v;
    h_next[j] = next.h.v;
  }
}

/// What goes back through one unit, from its gate values or from their pre-activations.
template <bool of_output>
LstmCell::Backward<Lane> lstm_back(Lane dh, Lane dc, const LstmCell::Gates<Lane>& kept, Lane c,
                                   Lane c_next) {
  const Lane t = Tanh::value(c_next);
  if constexpr (of_output) {
    return LstmCell::backward(dh, dc, kept, t, c, LstmCell::slopes_from_output(kept, t));
  } else {
    const auto& [i, f, g, o] = kept;
    return LstmCell::backward(dh, dc, LstmCell::gate_values(i, f, g, o), t, c,
                              LstmCell::slopes(i, f, g, o, c_next));
  }
}

template <bool of_output>
HWY_FLATTEN void lstm_backward(const float* __restrict i, const float* __restrict f,
                               const float* __restrict g, const float* __restrict o,
                               const float* __restrict c, const float* __restrict c_next,
                               const float* __restrict dh, float* __restrict dc,
                               float* __restrict da_i, float* __restrict da_f,
                               float* __restrict da_g, float* __restrict da_o, std::ptrdiff_t n) {
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const auto d = lstm_back<of_output>(Lane(dh[j]), Lane(dc[j]),
                                        {Lane(i[j]), Lane(f[j]), Lane(g[j]), Lane(o[j])},
                                        Lane(c[j]), Lane(c_next[j]));
    da_i[j] = d.da.i.v;
    da_f[j] = d.da.f.v;
    da_g[j] = d.da.g.v;
    da_o[j] = d.da.o.v;
    dc[j] = d.dc.v;
  }
}

template <bool of_output>
HWY_FLATTEN void gru_forward(float* __restrict r, float* __restrict z, float* __restrict candidate,
                             const float* __restrict m, const float* __restrict h,
                             float* __restrict h_next, std::ptrdiff_t n) {
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const auto v = GruCell::gate_values(Lane(r[j]), Lane(z[j]), Lane(candidate[j]), Lane(m[j]));
    if constexpr (of_output) {
      r[j] = v.r.v;
      z[j] = v.z.v;
      candidate[j] = v.n.v;
    }
    h_next[j] = GruCell::forward(v, Lane(h[j])).v;
  }
}

template <bool of_output>
GruCell::Backward<Lane> gru_back(Lane dh, const GruCell::Gates<Lane>& kept, Lane h) {
  if constexpr (of_output) {
    return GruCell::backward(dh, kept, h, GruCell::slopes_from_output(kept));
  } else {
    const auto& [a_r, a_z, x_n, m] = kept;
    const auto v = GruCell::gate_values(a_r, a_z, x_n, m);
    return GruCell::backward(dh, v, h, GruCell::slopes(a_r, a_z, x_n + v.r * m));
  }
}

template <bool of_output>
HWY_FLATTEN void gru_backward(const float* __restrict r, const float* __restrict z,
                              const float* __restrict candidate, const float* __restrict m,
                              const float* __restrict h, const float* __restrict dh,
                              float* __restrict da_r, float* __restrict da_z,
                              float* __restrict da_n, float* __restrict dm,
                              float* __restrict dh_prev, std::ptrdiff_t n) {
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const auto d = gru_back<of_output>(
        Lane(dh[j]), {Lane(r[j]), Lane(z[j]), Lane(candidate[j]), Lane(m[j])}, Lane(h[j]));
    da_r[j] = d.da_r.v;
    da_z[j] = d.da_z.v;
    da_n[j] = d.da_n.v;
    dm[j] = d.dm.v;
    dh_prev[j] = d.dh.v;
  }
}

template <bool of_output>
Gated gated() {
  return {lstm_forward<of_output>, lstm_backward<of_output>, gru_forward<of_output>,
          gru_backward<of_output>};
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
  return {elementwise, gated<true>(), gated<false>(), clip,   scale,          sgd, add,
          add_bias,    add_scaled,    multiply_by,    stream, sum_of_squares, dot, column_sums};
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
