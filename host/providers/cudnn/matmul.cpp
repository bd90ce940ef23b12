#include "host/providers/cudnn/matmul.h"

#include <stdexcept>

namespace gradepth::cudnn {
namespace {

constexpr std::size_t workspace_size = std::size_t{32} << 20;  // what cuBLAS itself takes on sm_90
constexpr int most_candidates = 8;

MatrixLayout make_layout(std::int64_t rows, std::int64_t cols) {
  return make<MatrixLayout>([&](cublasLtMatrixLayout_t* layout) {
    return call<cublasLtMatrixLayoutCreate>(layout, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                            static_cast<std::uint64_t>(cols), rows);
  });
}

template <class T>
void set(const MatmulDescriptor& operation, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  check(call<cublasLtMatmulDescSetAttribute>(operation.get(), attribute, &value, sizeof value));
}

template <class T>
void set(const MatmulPreference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  check(call<cublasLtMatmulPreferenceSetAttribute>(preference.get(), attribute, &value,
                                                   sizeof value));
}

bool relu_mask(cublasLtEpilogue_t e) {
  return e == CUBLASLT_EPILOGUE_RELU_AUX_BIAS || e == CUBLASLT_EPILOGUE_DRELU_BGRAD;
}
bool gelu_argument(cublasLtEpilogue_t e) {
  return e == CUBLASLT_EPILOGUE_GELU_AUX_BIAS || e == CUBLASLT_EPILOGUE_DGELU_BGRAD;
}

}  // namespace

std::int64_t aux_leading_dimension(cublasLtEpilogue_t epilogue, std::int64_t cols) {
  if (relu_mask(epilogue)) return (cols + 127) / 128 * 128;
  return gelu_argument(epilogue) ? (cols + 7) / 8 * 8 : 0;
}

std::int64_t aux_bytes(cublasLtEpilogue_t epilogue, std::int64_t rows, std::int64_t cols) {
  const std::int64_t elements = rows * aux_leading_dimension(epilogue, cols);
  return relu_mask(epilogue) ? elements / 8 : elements * std::int64_t{sizeof(float)};
}

// cuBLASLt counts down columns: a row-major matrix is to it the transpose, and Dᵀ = op(B)ᵀ op(A)ᵀ.
// A bias then lies along the rows of its result, as it demands.
MatmulDescription describe_matmul(const Gemm& shape, cublasLtEpilogue_t epilogue, Math math) {
  const auto compute = math == Math::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  const auto layout = [](bool transpose, std::int64_t rows, std::int64_t cols) {
    return transpose ? make_layout(rows, cols) : make_layout(cols, rows);
  };
  MatmulDescription described{
      make<MatmulDescriptor>([&](cublasLtMatmulDesc_t* operation) {
        return call<cublasLtMatmulDescCreate>(operation, compute, CUDA_R_32F);
      }),
      layout(shape.transpose_b, shape.k, shape.n), layout(shape.transpose_a, shape.m, shape.k),
      make_layout(shape.n, shape.m)};
  const auto op = [](bool transpose) -> std::int32_t {
    return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  set(described.operation, CUBLASLT_MATMUL_DESC_TRANSA, op(shape.transpose_b));
  set(described.operation, CUBLASLT_MATMUL_DESC_TRANSB, op(shape.transpose_a));
  set(described.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(epilogue));
  const std::int64_t leading = aux_leading_dimension(epilogue, shape.n);
  if (leading > 0) set(described.operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, leading);
  return described;
}

Matmul::Matmul(LibraryPtr library, const Gemm& shape, cublasLtEpilogue_t epilogue,
               const MatmulData& sample)
    : library_(std::move(library)),
      beta_(shape.beta),
      has_bias_(sample.bias != nullptr),
      has_aux_(sample.aux != nullptr),
      description_(describe_matmul(shape, epilogue, library_->math)),
      workspace_(workspace_size) {
  choose(sample);
}

void Matmul::point_to(const MatmulData& data) const {
  if (has_bias_) set(description_.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, data.bias);
  if (has_aux_) set(description_.operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, data.aux);
}

void Matmul::choose(const MatmulData& sample) {
  const auto preference = make<MatmulPreference>(call<cublasLtMatmulPreferenceCreate>);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
      static_cast<std::uint64_t>(workspace_size));
  point_to(sample);  // the heuristic looks at how they are aligned
  cublasLtMatmulHeuristicResult_t candidates[most_candidates] = {};
  int found = 0;
  const cublasStatus_t status = call<cublasLtMatmulAlgoGetHeuristic>(
      library_->lt.get(), description_.operation.get(), description_.left.get(),
      description_.right.get(), description_.result.get(), description_.result.get(),
      preference.get(), most_candidates, candidates, &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && found == 0)) {
    throw std::runtime_error("cuBLASLt has no algorithm for it");
  }
  check(status);
  std::vector<Trial> trials;
  trials.reserve(static_cast<std::size_t>(found));
  for (int i = 0; i < found; ++i) {
    trials.push_back(try_out('#' + std::to_string(i), [&] {
      check(candidates[i].state);
      return median_ms(library_->stream(), [&] { run_with(candidates[i].algo, sample); });
    }));
  }
  const auto best = fastest(trials);
  if (best < 0) throw std::runtime_error("cuBLASLt refuses every algorithm: " + describe(trials));
  algorithm_ = candidates[best].algo;
}

void Matmul::run(const MatmulData& data) const { run_with(algorithm_, data); }

void Matmul::run_with(const cublasLtMatmulAlgo_t& algorithm, const MatmulData& data) const {
  point_to(data);
  check(call<cublasLtMatmul>(library_->lt.get(), description_.operation.get(), &one, data.B,
                             description_.left.get(), data.A, description_.right.get(), &beta_,
                             data.C != nullptr ? data.C : data.D, description_.result.get(), data.D,
                             description_.result.get(), &algorithm, workspace_.data(),
                             workspace_.bytes(), library_->stream()));
}

}  // namespace gradepth::cudnn
