#pragma once

#include <cstdint>
#include <vector>

#include "host/providers/cudnn/choice.h"
#include "host/providers/cudnn/plan.h"
#include "kernels/linear/gemm.h"

/// Products of matrices by cuBLASLt, with what it can do to a result on its way out: bias,
/// activation, and on the way back their gradients.
namespace gradepth::cudnn {

using MatmulDescriptor =
    std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroyer<call<cublasLtMatmulDescDestroy>>>;
using MatrixLayout =
    std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroyer<call<cublasLtMatrixLayoutDestroy>>>;
using MatmulPreference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                                         Destroyer<call<cublasLtMatmulPreferenceDestroy>>>;

struct MatmulDescription {
  MatmulDescriptor operation;
  MatrixLayout left, right, result;  // in cuBLASLt's order: left is our B, right our A
};
/// D = op(A) op(B) + beta C with the sizes and transposes of `shape` (its pointers are not read),
/// all f32 and row-major; C has D's shape.
MatmulDescription describe_matmul(const Gemm& shape, cublasLtEpilogue_t epilogue, Math math);

/// What forward leaves for backward, for a result of `cols` columns: the sign bits of ReLU's
/// argument (rows of whole 128 bits), or GELU's argument (rows of whole 8 numbers); 0 for other
/// epilogues.
std::int64_t aux_leading_dimension(cublasLtEpilogue_t epilogue, std::int64_t cols);
std::int64_t aux_bytes(cublasLtEpilogue_t epilogue, std::int64_t rows, std::int64_t cols);

/// The matrices of one product, [m, k], [k, n] (as stored: transposed where the shape says so), [m,
/// n].
struct MatmulData {
  const float* A = nullptr;
  const float* B = nullptr;
  const float* C = nullptr;  // null: D (and then beta is 0)
  float* D = nullptr;
  const float* bias = nullptr;  // [n], a gradient (written) where the epilogue gives one
  const void* aux = nullptr;    // aux_bytes; forward writes it
};

/// A product with its fastest algorithm of those that cuBLASLt's heuristic offers.
class Matmul {
 public:
  /// `sample` is what the algorithms are timed on; it and all data that follows begins at multiples
  /// of 256 bytes. std::runtime_error if no algorithm does it.
  Matmul(LibraryPtr library, const Gemm& shape, cublasLtEpilogue_t epilogue,
         const MatmulData& sample);

  void run(const MatmulData& data) const;
  [[nodiscard]] std::size_t bytes() const { return workspace_.bytes(); }

 private:
  void point_to(const MatmulData& data) const;
  void run_with(const cublasLtMatmulAlgo_t& algorithm, const MatmulData& data) const;
  void choose(const MatmulData& sample);

  LibraryPtr library_;
  float beta_;
  bool has_bias_, has_aux_;
  MatmulDescription description_;
  Buffer<std::byte> workspace_;
  cublasLtMatmulAlgo_t algorithm_{};
};

}  // namespace gradepth::cudnn
