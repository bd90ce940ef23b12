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

/// Each sum runs in order of k, in fp32.
void gemm(const Gemm& product, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
