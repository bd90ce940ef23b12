#include "host/providers/reference/math.h"

#include <hwy/aligned_allocator.h>

#include <algorithm>

#include "host/device/panel_product.h"
#include "host/device/threads.h"

namespace gradepth::reference {
namespace {

/// Rows of the tile of a panel's kernel: so many read a panel once.
constexpr std::int64_t tile_rows = 6;
/// Rows of B in a packed block: a few hundred vectors, which stay in the second cache.
constexpr std::int64_t block_k = 256;

/// A matrix whose element (i, j) is data[i * row + j * col].
struct Strided {
  const double* data;
  std::int64_t row;
  std::int64_t col;
};

/// B from row k and column j on, packed: [rows, width]. What is missing of the width stays as it
/// was.
void pack(Strided B, std::int64_t k, std::int64_t rows, std::int64_t j, std::int64_t cols,
          std::int64_t width, double* packed) {
  const double* from = B.data + k * B.row + j * B.col;
  if (B.col == 1) {
    for (std::int64_t i = 0; i < rows; ++i) std::copy_n(from + i * B.row, cols, packed + i * width);
    return;
  }
  for (std::int64_t c = 0; c < cols; ++c) {
    for (std::int64_t i = 0; i < rows; ++i) packed[i * width + c] = from[i * B.row + c * B.col];
  }
}

/// Columns j … j + cols of rows i … i + rows of C = A B.
void product_part(View A, Strided B, double* C, std::int64_t N, bool accumulate, std::int64_t i,
                  std::int64_t rows, std::int64_t j, std::int64_t cols) {
  const PanelKernel<double>& kernel = panel_kernel<double>();
  // Packing pays where a panel is read again; the last one may not be whole in B.
  const bool packs = rows > tile_rows || B.col != 1 || cols < kernel.width;
  const auto packed =
      hwy::AllocateAligned<double>(static_cast<std::size_t>(packs ? block_k * kernel.width : 1));
  if (packs && cols < kernel.width) std::fill_n(packed.get(), block_k * kernel.width, 0.0);
  for (std::int64_t k = 0; k < A.cols; k += block_k) {
    const std::int64_t depth = std::min(block_k, A.cols - k);
    if (packs) pack(B, k, depth, j, cols, kernel.width, packed.get());
    double* c = C + i * N + j;
    kernel.multiply({.A = A.data + i * A.cols + k,
                     .lda = A.cols,
                     .rows = rows,
                     .K = depth,
                     .panel = packs ? packed.get() : B.data + k * B.row + j,
                     .ldp = packs ? kernel.width : B.row,
                     .columns = cols,
                     .init = accumulate || k > 0 ? c : nullptr,
                     .ldi = N,
                     .bias = nullptr,
                     .C = c,
                     .ldc = N});
  }
}

/// C [M, N] = A B. Work is divided by columns and, where these are few, by rows; each sum runs in
/// order of k, so that no division changes a bit.
void multiply(View A, Strided B, std::int64_t N, double* C, bool accumulate) {
  const std::int64_t M = A.rows;
  if (A.cols == 0 && !accumulate) std::fill_n(C, M * N, 0.0);
  const std::int64_t width = panel_kernel<double>().width;
  const std::int64_t panels = (N + width - 1) / width;
  const int threads = M * N * A.cols > 100000 ? available_threads() : 1;
  const std::int64_t most = (M + tile_rows - 1) / tile_rows;
  const std::int64_t parts = std::clamp<std::int64_t>((2 * threads + panels - 1) / panels, 1,
                                                      std::max<std::int64_t>(most, 1));
  parallel_for(threads, panels * parts, [&](std::int64_t task) {
    const std::int64_t j = task / parts * width;
    const std::int64_t part = task % parts;
    // Whole tiles but for the last.
    const std::int64_t first = most * part / parts * tile_rows;
    const std::int64_t end = std::min(M, most * (part + 1) / parts * tile_rows);
    product_part(A, B, C, N, accumulate, first, end - first, j, std::min(width, N - j));
  });
}

/// The same with sums in float32.
void multiply_narrow(View A, Strided B, std::int64_t N, double* C) {
  const PanelKernel<float>& kernel = panel_kernel<float>();
  const std::vector<float> a(A.data, A.data + A.rows * A.cols);
  const std::int64_t panels = (N + kernel.width - 1) / kernel.width;
  const int threads = A.rows * N * A.cols > 100000 ? available_threads() : 1;
  parallel_for(threads, panels, [&](std::int64_t panel) {
    const std::int64_t j = panel * kernel.width;
    const std::int64_t cols = std::min<std::int64_t>(kernel.width, N - j);
    std::vector<float> b(length(A.cols * kernel.width));
    for (std::int64_t k = 0; k < A.cols; ++k) {
      for (std::int64_t c = 0; c < cols; ++c) {
        b[length(k * kernel.width + c)] = static_cast<float>(B.data[k * B.row + (j + c) * B.col]);
      }
    }
    std::vector<float> c(length(A.rows * cols));
    kernel.multiply({.A = a.data(),
                     .lda = A.cols,
                     .rows = A.rows,
                     .K = A.cols,
                     .panel = b.data(),
                     .ldp = kernel.width,
                     .columns = cols,
                     .init = nullptr,
                     .ldi = 0,
                     .bias = nullptr,
                     .C = c.data(),
                     .ldc = cols});
    for (std::int64_t i = 0; i < A.rows; ++i) {
      std::copy_n(c.begin() + i * cols, cols, C + i * N + j);
    }
  });
}

}  // namespace

Vector transposed(View A) {
  Vector out(static_cast<std::size_t>(A.rows * A.cols));
  // In squares of whole cache lines. Not more of them at once: at strides of a power of two all
  // share one set.
  constexpr std::int64_t square = 8;
  const int threads = A.rows * A.cols > 100000 ? available_threads() : 1;
  parallel_for(threads, (A.cols + square - 1) / square, [&](std::int64_t block) {
    const std::int64_t j0 = block * square;
    const std::int64_t j1 = std::min(A.cols, j0 + square);
    for (std::int64_t i0 = 0; i0 < A.rows; i0 += square) {
      const std::int64_t i1 = std::min(A.rows, i0 + square);
      for (std::int64_t j = j0; j < j1; ++j) {
        for (std::int64_t i = i0; i < i1; ++i)
          out[static_cast<std::size_t>(j * A.rows + i)] = A.data[i * A.cols + j];
      }
    }
  });
  return out;
}

void product(View A, View B, double* C, Rounding rounding) {
  const Strided b{B.data, B.cols, 1};
  rounding.narrow_sums ? multiply_narrow(A, b, B.cols, C) : multiply(A, b, B.cols, C, false);
}

void product_nt(View A, View B, double* C, Rounding rounding) {
  const Strided b{B.data, 1, B.cols};
  rounding.narrow_sums ? multiply_narrow(A, b, B.rows, C) : multiply(A, b, B.rows, C, false);
}

void product_tn(View A, View B, double* C, Rounding rounding) {
  if (rounding.narrow_sums) {
    const Vector At = transposed(A);
    return multiply_narrow({At.data(), A.cols, A.rows}, {B.data, B.cols, 1}, B.cols, C);
  }
  // Some rows of A and B at a time, in order: their transpose is read again from a cache.
  const std::int64_t rows =
      std::max<std::int64_t>(block_k, (1 << 20) / std::max<std::int64_t>(A.cols, 1));
  for (std::int64_t k = 0; k < std::max<std::int64_t>(A.rows, 1); k += rows) {
    const std::int64_t depth = std::min(rows, A.rows - k);
    const Vector At = transposed({A.data + k * A.cols, depth, A.cols});
    multiply({At.data(), A.cols, depth}, {B.data + k * B.cols, B.cols, 1}, B.cols, C, k > 0);
  }
}

void round_all(Rounding rounding, double* data, std::size_t n) {
  if (rounding.dtype == Dtype::f64) return;
  std::transform(data, data + n, data, [=](double x) { return round_to(rounding, x); });
}

double sum_of_squares(const double* data, std::size_t n) {
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(data[i])) return data[i] * data[i];
    largest = std::max(largest, std::abs(data[i]));
  }
  if (largest == 0) return 0;
  const double scale = std::exp2(std::ilogb(largest));  // a power of two: exact
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += (data[i] / scale) * (data[i] / scale);
  return sum * scale * scale;
}

}  // namespace gradepth::reference
