#pragma once

#include <cstddef>

#include "host/device/panel_product.h"
#include "host/providers/shared/buffers.h"

/// Matrix products of the host.
namespace gradepth::cpu {

/// C [m, n] = A B + beta C with row strides lda, ldb, ldc; A is [m, k], or [k, m] when transposed,
/// B [k, n] or [n, k]. oneDNN's sgemm (the same call in 2.6 and 3.x) on the threads of `Workers`.
enum class Op : char { plain = 'N', transposed = 'T' };
void gemm(Op op_a, Op op_b, std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, const float* A,
          std::ptrdiff_t lda, const float* B, std::ptrdiff_t ldb, float beta, float* C,
          std::ptrdiff_t ldc);

/// Columns of one panel, for the vectors in use.
std::ptrdiff_t panel_width();

/// A matrix B [K, N] cut into panels of panel_width() columns, each [K, panel_width()] in one
/// piece, so that a step of a recurrence reads its weights in order. Missing columns are zero.
class Panels {
 public:
  Panels() = default;
  Panels(std::ptrdiff_t K, std::ptrdiff_t N);

  [[nodiscard]] std::ptrdiff_t count() const { return count_; }
  /// Floats held.
  [[nodiscard]] std::size_t size() const { return data_.size(); }
  /// Columns of panel p that belong to the matrix.
  [[nodiscard]] std::ptrdiff_t columns(std::ptrdiff_t p) const;
  [[nodiscard]] std::ptrdiff_t first_column(std::ptrdiff_t p) const { return p * width_; }
  /// Panel p, [K, panel_width()].
  [[nodiscard]] const float* panel(std::ptrdiff_t p) const { return data_ + p * stride_; }

  /// Fills panel p from W [K, N].
  void pack(std::ptrdiff_t p, const float* W);
  /// Fills panel p from the transpose of W [N, K].
  void pack_transposed(std::ptrdiff_t p, const float* W);

 private:
  std::ptrdiff_t width_ = panel_width();
  std::ptrdiff_t K_ = 0;
  std::ptrdiff_t N_ = 0;
  std::ptrdiff_t count_ = 0;
  std::ptrdiff_t stride_ = 0;
  Floats data_;
};

/// Makes streamed stores (Loops::stream) of this thread visible to others.
void end_streaming();

}  // namespace gradepth::cpu
