#include "host/device/panel_product.h"

#include <algorithm>
#include <type_traits>

#include "host/device/vector_target.h"

// This file is compiled once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "host/device/panel_product.cpp"  // NOLINT(cppcoreguidelines-macro-usage)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradepth::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
struct Shape {
  using D = hn::ScalableTag<T>;
  static constexpr auto lanes = static_cast<std::ptrdiff_t>(hn::MaxLanes(D()));
  // 6 rows × 4 vectors fill 24 of AVX-512's 32 registers, 6 × 2 fill 12 of the 16 that others have.
  static constexpr int vectors = lanes * sizeof(T) >= 64 ? 4 : 2;
  static constexpr std::ptrdiff_t width = vectors * lanes;
};
constexpr int max_rows = 6;

/// `n` numbers at p, and zeros; nothing behind them is touched.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load(D d, const T* p, std::ptrdiff_t n) {
  if (n >= Shape<T>::lanes) return hn::LoadU(d, p);
  HWY_ALIGN T padded[Shape<T>::lanes] = {};
  for (std::ptrdiff_t i = 0; i < n; ++i) padded[i] = p[i];
  return hn::Load(d, padded);
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store(hn::Vec<D> v, D d, T* p, std::ptrdiff_t n) {
  if (n >= Shape<T>::lanes) return hn::StoreU(v, d, p);
  HWY_ALIGN T padded[Shape<T>::lanes];
  hn::Store(v, d, padded);
  for (std::ptrdiff_t i = 0; i < n; ++i) p[i] = padded[i];
}

/// R rows of a panel product. A float32 sum with few rows runs in `chains` independent parts, to
/// hide the latency of the multiply-add.
template <int R, class T>
HWY_INLINE void tile(const PanelProduct<T>& p, std::ptrdiff_t row) {
  constexpr int chains = std::is_same_v<T, double> ? 1 : R == 1 ? 4 : R == 2 ? 2 : 1;
  constexpr std::ptrdiff_t lanes = Shape<T>::lanes;
  constexpr int vectors = Shape<T>::vectors;
  const typename Shape<T>::D d;
  using Vector = hn::Vec<typename Shape<T>::D>;
  Vector sum[chains][R][vectors];
  for (int v = 0; v < vectors; ++v) {
    const std::ptrdiff_t first = v * lanes;
    const std::ptrdiff_t n = p.columns - first;
    const Vector bias = p.bias != nullptr ? load(d, p.bias + first, n) : hn::Zero(d);
    for (int r = 0; r < R; ++r) {
      sum[0][r][v] =
          p.init == nullptr ? bias : hn::Add(bias, load(d, p.init + (row + r) * p.ldi + first, n));
      for (int c = 1; c < chains; ++c) sum[c][r][v] = hn::Zero(d);
    }
  }
  const T* A = p.A + row * p.lda;
  const T* B = p.panel;
  const std::ptrdiff_t ldp = p.ldp;
  const auto add_products = [&](Vector(&out)[R][vectors], std::ptrdiff_t k) HWY_ATTR {
    Vector b[vectors];
    for (int v = 0; v < vectors; ++v) b[v] = hn::LoadU(d, B + k * ldp + v * lanes);
    for (int r = 0; r < R; ++r) {
      const Vector a = hn::Set(d, A[r * p.lda + k]);
      for (int v = 0; v < vectors; ++v) out[r][v] = hn::MulAdd(a, b[v], out[r][v]);
    }
  };
  std::ptrdiff_t k = 0;
  for (; k + chains <= p.K; k += chains) {
    for (int c = 0; c < chains; ++c) add_products(sum[c], k + c);
  }
  for (; k < p.K; ++k) add_products(sum[0], k);

  for (int v = 0; v < vectors; ++v) {
    const std::ptrdiff_t first = v * lanes;
    for (int r = 0; r < R; ++r) {
      for (int c = 1; c < chains; ++c) sum[0][r][v] = hn::Add(sum[0][r][v], sum[c][r][v]);
      store(sum[0][r][v], d, p.C + (row + r) * p.ldc + first, p.columns - first);
    }
  }
}

template <class T>
void multiply(const PanelProduct<T>& p) {
  std::ptrdiff_t row = 0;
  for (; row + max_rows <= p.rows; row += max_rows) tile<max_rows>(p, row);
  switch (p.rows - row) {
    case 1:
      return tile<1>(p, row);
    case 2:
      return tile<2>(p, row);
    case 3:
      return tile<3>(p, row);
    case 4:
      return tile<4>(p, row);
    case 5:
      return tile<5>(p, row);
    default:
      return;
  }
}

PanelKernel<float> kernel_f32() { return {Shape<float>::width, multiply<float>}; }
PanelKernel<double> kernel_f64() { return {Shape<double>::width, multiply<double>}; }

}  // namespace
}  // namespace gradepth::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradepth {
namespace {

HWY_EXPORT(kernel_f32);
HWY_EXPORT(kernel_f64);

}  // namespace

template <>
const PanelKernel<float>& panel_kernel<float>() {
  static const PanelKernel<float> kernel =
      on_vector_target([] { return HWY_DYNAMIC_DISPATCH(kernel_f32)(); });
  return kernel;
}

template <>
const PanelKernel<double>& panel_kernel<double>() {
  static const PanelKernel<double> kernel =
      on_vector_target([] { return HWY_DYNAMIC_DISPATCH(kernel_f64)(); });
  return kernel;
}

}  // namespace gradepth
#endif  // HWY_ONCE
