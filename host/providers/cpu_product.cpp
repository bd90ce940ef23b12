#include "host/providers/cpu_product.h"

#include <dnnl.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

HWY_BEFORE_NAMESPACE();
namespace gradepth::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using Vector = hn::Vec<D>;

constexpr auto lanes = static_cast<std::ptrdiff_t>(hn::MaxLanes(D()));
// 6 rows × 4 vectors fill 24 of AVX-512's 32 registers, 6 × 2 fill 12 of AVX2's 16.
constexpr int vectors = lanes >= 16 ? 4 : 2;
constexpr std::ptrdiff_t width = vectors * lanes;
constexpr int max_rows = 6;

/// R rows of a panel product. With one row, the sum over k runs in `chains` independent parts, to
/// hide the latency of the multiply-add.
template <int R>
HWY_INLINE void tile(const PanelProduct& p, std::ptrdiff_t row) {
  constexpr int chains = R == 1 ? 4 : R == 2 ? 2 : 1;
  const D d;
  const float* A = p.A + row * p.lda;
  Vector sum[chains][R][vectors];
  for (int v = 0; v < vectors; ++v) {
    const std::ptrdiff_t first = v * lanes;
    const auto n =
        static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(p.columns - first, 0, lanes));
    const auto mask = hn::FirstN(d, n);
    const Vector bias = p.bias != nullptr ? hn::MaskedLoad(mask, d, p.bias + first) : hn::Zero(d);
    for (int r = 0; r < R; ++r) {
      sum[0][r][v] =
          p.init == nullptr
              ? bias
              : hn::Add(bias, hn::MaskedLoad(mask, d, p.init + (row + r) * p.ldi + first));
      for (int c = 1; c < chains; ++c) sum[c][r][v] = hn::Zero(d);
    }
  }
  const float* B = p.panel;
  const auto add_products = [&](Vector(&out)[R][vectors], std::ptrdiff_t k) HWY_ATTR {
    Vector b[vectors];
    for (int v = 0; v < vectors; ++v) b[v] = hn::Load(d, B + k * width + v * lanes);
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
    const auto n =
        static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(p.columns - first, 0, lanes));
    for (int r = 0; r < R; ++r) {
      for (int c = 1; c < chains; ++c) sum[0][r][v] = hn::Add(sum[0][r][v], sum[c][r][v]);
      hn::BlendedStore(sum[0][r][v], hn::FirstN(d, n), d, p.C + (row + r) * p.ldc + first);
    }
  }
}

void multiply_rows(const PanelProduct& p) {
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

void stream_floats(float* to, const float* from, std::ptrdiff_t n) {
  const D d;
  std::ptrdiff_t i = 0;
  const auto misaligned = [&] {
    return reinterpret_cast<std::uintptr_t>(to + i) % (lanes * sizeof(float)) != 0;
  };
  for (; i < n && misaligned(); ++i) to[i] = from[i];
  for (; i + lanes <= n; i += lanes) hn::Stream(hn::LoadU(d, from + i), d, to + i);
  for (; i < n; ++i) to[i] = from[i];
}

}  // namespace gradepth::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

namespace gradepth::cpu {

// One instruction set, that of the compiler's flags: the build is for this machine.
namespace simd = HWY_NAMESPACE;

void gemm(Op op_a, Op op_b, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, const float* A,
          std::ptrdiff_t lda, const float* B, std::ptrdiff_t ldb, float beta, float* C,
          std::ptrdiff_t ldc) {
  const dnnl_status_t status = dnnl_sgemm(static_cast<char>(op_a), static_cast<char>(op_b), m, n, k,
                                          1.0F, A, lda, B, ldb, beta, C, ldc);
  if (status != dnnl_success) {
    throw std::runtime_error("dnnl_sgemm: status " + std::to_string(status));
  }
}

std::ptrdiff_t panel_width() { return simd::width; }

Panels::Panels(std::ptrdiff_t K, std::ptrdiff_t N)
    : K_(K),
      N_(N),
      count_((N + simd::width - 1) / simd::width),
      stride_(K * simd::width),
      data_(static_cast<std::size_t>(count_ * stride_)) {}

std::ptrdiff_t Panels::first_column(std::ptrdiff_t p) const { return p * simd::width; }

std::ptrdiff_t Panels::columns(std::ptrdiff_t p) const {
  return std::min(simd::width, N_ - first_column(p));
}

void Panels::pack(std::ptrdiff_t p, const float* W) {
  float* to = data_ + p * stride_;
  for (std::ptrdiff_t k = 0; k < K_; ++k) {
    std::copy_n(W + k * N_ + first_column(p), columns(p), to + k * simd::width);
  }
}

void Panels::pack_transposed(std::ptrdiff_t p, const float* W) {
  float* to = data_ + p * stride_;
  // In blocks of k, so that what is written stays in the first cache until its line is full.
  constexpr std::ptrdiff_t block = 16;
  for (std::ptrdiff_t k0 = 0; k0 < K_; k0 += block) {
    const std::ptrdiff_t k1 = std::min(k0 + block, K_);
    for (std::ptrdiff_t j = 0; j < columns(p); ++j) {
      const float* row = W + (first_column(p) + j) * K_;
      for (std::ptrdiff_t k = k0; k < k1; ++k) to[k * simd::width + j] = row[k];
    }
  }
}

void multiply(const PanelProduct& p) { simd::multiply_rows(p); }
void stream(float* to, const float* from, std::ptrdiff_t n) { simd::stream_floats(to, from, n); }
void end_streaming() { hwy::FlushStream(); }

}  // namespace gradepth::cpu
