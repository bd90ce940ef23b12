#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// A readable tiled matrix product: what `simt` uses, and what to read before faster ones.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// C = op(A) op(B) + beta C, all dense and row-major; op(X) is X or its transpose.
///   op(A) [m, k], op(B) [k, n], C [m, n]; beta = 0: what C held is not read
struct Gemm {
  bool transpose_a = false;
  bool transpose_b = false;
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  const float* A = nullptr;
  const float* B = nullptr;
  float beta = 0;
  float* C = nullptr;
};

/// A linear map Y = X Wᵀ and its gradients: X [rows, in], W [out, in], Y [rows, out].
struct LinearMap {
  std::int64_t rows = 0;
  std::int64_t in = 0;
  std::int64_t out = 0;

  /// Y = X Wᵀ + beta Y
  [[nodiscard]] constexpr Gemm forward(const float* X, const float* W, float* Y,
                                       float beta = 0) const {
    return {false, true, rows, out, in, X, W, beta, Y};
  }
  /// dX = dY W
  [[nodiscard]] constexpr Gemm data_gradient(const float* dY, const float* W, float* dX) const {
    return {false, false, rows, in, out, dY, W, 0, dX};
  }
  /// dW = dYᵀ X
  [[nodiscard]] constexpr Gemm weight_gradient(const float* dY, const float* X, float* dW) const {
    return {true, false, out, in, rows, dY, X, 0, dW};
  }
};

/// Each sum runs in order of k, in fp32.
void gemm(const Gemm& product, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
