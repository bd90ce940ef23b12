#include "host/providers/cpu/product.h"

#include <dnnl.h>
#include <hwy/cache_control.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "host/device/panel_product.h"

namespace gradepth::cpu {

void gemm(Op op_a, Op op_b, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, const float* A,
          std::ptrdiff_t lda, const float* B, std::ptrdiff_t ldb, float beta, float* C,
          std::ptrdiff_t ldc) {
  const dnnl_status_t status = dnnl_sgemm(static_cast<char>(op_a), static_cast<char>(op_b), m, n, k,
                                          1.0F, A, lda, B, ldb, beta, C, ldc);
  if (status != dnnl_success) {
    throw std::runtime_error("dnnl_sgemm: status " + std::to_string(status));
  }
}

std::ptrdiff_t panel_width() { return panel_kernel<float>().width; }

Panels::Panels(std::ptrdiff_t K, std::ptrdiff_t N)
    : K_(K),
      N_(N),
      count_((N + width_ - 1) / width_),
      stride_(K * width_),
      data_(static_cast<std::size_t>(count_ * stride_)) {}

std::ptrdiff_t Panels::columns(std::ptrdiff_t p) const {
  return std::min(width_, N_ - first_column(p));
}

void Panels::pack(std::ptrdiff_t p, const float* W) {
  float* to = data_ + p * stride_;
  for (std::ptrdiff_t k = 0; k < K_; ++k) {
    std::copy_n(W + k * N_ + first_column(p), columns(p), to + k * width_);
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
      for (std::ptrdiff_t k = k0; k < k1; ++k) to[k * width_ + j] = row[k];
    }
  }
}

void end_streaming() { hwy::FlushStream(); }

}  // namespace gradepth::cpu
