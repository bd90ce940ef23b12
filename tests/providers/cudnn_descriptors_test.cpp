#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "host/providers/cudnn/choice.h"
#include "host/providers/cudnn/convolution.h"
#include "host/providers/cudnn/elementwise.h"
#include "host/providers/cudnn/matmul.h"
#include "host/providers/cudnn/plan.h"
#include "tests/providers/cudnn_support.h"

/// What of the provider `cudnn` needs no device, but for recurrent nets: descriptors of every
/// workload, of which the libraries themselves are the judges, and what is plain arithmetic.
namespace gradepth::cudnn {
namespace {

/// A tensor's sizes and strides as cuDNN has them.
struct Extents {
  std::vector<int> sizes, strides;
};
Extents extents_of(const TensorDescriptor& tensor) {
  cudnnDataType_t type{};
  int rank = 0;
  Extents e{std::vector<int>(CUDNN_DIM_MAX), std::vector<int>(CUDNN_DIM_MAX)};
  check(call<cudnnGetTensorNdDescriptor>(tensor.get(), CUDNN_DIM_MAX, &type, &rank, e.sizes.data(),
                                         e.strides.data()));
  e.sizes.resize(static_cast<std::size_t>(rank));
  e.strides.resize(static_cast<std::size_t>(rank));
  return e;
}

/// The first test: nothing has called them yet.
TEST(Loaded, NothingIsLinked) {
  const std::string cublas_lt = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  EXPECT_EQ(dlopen(cublas_lt.c_str(), RTLD_LAZY | RTLD_NOLOAD), nullptr);
}

TEST(Loaded, NamesAndVersionsAreThoseOfTheHeaders) {
  EXPECT_EQ(name_of<cudnnSetStream>(), "cudnnSetStream");
  EXPECT_EQ(name_of<cublasCreate>(), "cublasCreate_v2");
  EXPECT_EQ(call<cudnnGetVersion>() / 10000, CUDNN_MAJOR);
  EXPECT_EQ(call<cublasLtGetVersion>() / 10000, CUBLAS_VER_MAJOR);
  EXPECT_STRNE(call<cublasGetStatusString>(CUBLAS_STATUS_SUCCESS), "");
}

TEST(Loaded, WhatIsMissingIsOneLine) {
  try {
    address_of("cudnnNoSuchFunction");
    FAIL();
  } catch (const std::runtime_error& error) {
    const std::string line = error.what();
    EXPECT_NE(line.find("cudnnNoSuchFunction"), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }
}

TEST(CudnnTensor, IsDenseAndRowMajor) {
  const Extents e = extents_of(describe_tensor(Dtype::f16, {2, 3, 5, 7}));
  EXPECT_EQ(e.sizes, (std::vector<int>{2, 3, 5, 7}));
  EXPECT_EQ(e.strides, (std::vector<int>{105, 35, 7, 1}));
  EXPECT_THROW((void)describe_tensor(Dtype::f32, {1, 1, std::int64_t{1} << 31}),
               std::runtime_error);
}

TEST(CudnnActivation, HasTheActivationsWithOurFormula) {
  std::set<std::string> described;
  for (const ActivationProblem& p : problems<ActivationProblem>()) {
    (void)describe_tensor(p.dtype, {1, 1, p.rows, p.cols});
    const ActivationDescriptor act = describe_activation(p.act);
    if (!act) continue;
    described.emplace(p.act.name());
    cudnnActivationMode_t mode{};
    cudnnNanPropagation_t nan{};
    double alpha = 0;
    check(call<cudnnGetActivationDescriptor>(act.get(), &mode, &nan, &alpha));
    EXPECT_EQ(nan, CUDNN_PROPAGATE_NAN);
    if (mode == CUDNN_ACTIVATION_ELU) {
      EXPECT_EQ(alpha, 1);
    }
    if (mode == CUDNN_ACTIVATION_SWISH) {
      double beta = 0;
      check(call<cudnnGetActivationDescriptorSwishBeta>(act.get(), &beta));
      EXPECT_EQ(beta, 1);
    }
  }
  EXPECT_EQ(described, (std::set<std::string>{"sigmoid", "tanh", "relu", "elu", "silu"}));
}

TEST(CudnnActivation, SumsInF32OrWider) {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16}) {
    const ReduceDescriptor sum = describe_sum(dtype);
    cudnnReduceTensorOp_t op{};
    cudnnDataType_t type{};
    cudnnNanPropagation_t nan{};
    cudnnReduceTensorIndices_t indices{};
    cudnnIndicesType_t index_type{};
    check(call<cudnnGetReduceTensorDescriptor>(sum.get(), &op, &type, &nan, &indices, &index_type));
    EXPECT_EQ(op, CUDNN_REDUCE_TENSOR_ADD);
    EXPECT_EQ(type, dtype == Dtype::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT);
    EXPECT_EQ(indices, CUDNN_REDUCE_TENSOR_NO_INDICES);
  }
}

TEST(CudnnActivation, BlendsInTheTypeThatCudnnReads) {
  const Blend f16(Dtype::f16, 0.5, 1);
  EXPECT_EQ(*static_cast<const float*>(f16.alpha()), 0.5F);
  EXPECT_EQ(*static_cast<const float*>(f16.beta()), 1.F);
  const Blend f64(Dtype::f64, 0.1, 0);
  EXPECT_EQ(*static_cast<const double*>(f64.alpha()), 0.1);
  EXPECT_EQ(*static_cast<const double*>(f64.beta()), 0.0);
}

TEST(CudnnConvolution, MakesImagesOfThePaddedSizeLess2) {
  int described = 0;
  for (const FeedForwardProblem& p : problems<FeedForwardProblem>()) {
    if (p.net != LayerNet::cnn) continue;
    for (const Math math : {Math::fma, Math::tf32}) {
      const ConvolutionDescription d = describe_convolution(p, math);
      int sizes[4] = {};
      check(call<cudnnGetConvolution2dForwardOutputDim>(d.operation.get(), d.padded.get(),
                                                        d.W.get(), &sizes[0], &sizes[1], &sizes[2],
                                                        &sizes[3]));
      const Extents image = extents_of(d.image);
      EXPECT_EQ(std::vector<int>(std::begin(sizes), std::end(sizes)), image.sizes);
      cudnnMathType_t type{};
      check(call<cudnnGetConvolutionMathType>(d.operation.get(), &type));
      EXPECT_EQ(type, math == Math::fma ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH);
      ++described;
    }
  }
  EXPECT_GE(described, 10);
}

template <class T>
T attribute(const MatmulDescription& d, cublasLtMatmulDescAttributes_t name) {
  T value{};
  std::size_t written = 0;
  check(call<cublasLtMatmulDescGetAttribute>(d.operation.get(), name, &value, sizeof value,
                                             &written));
  EXPECT_EQ(written, sizeof value);
  return value;
}
template <class T>
T attribute(const MatrixLayout& layout, cublasLtMatrixLayoutAttribute_t name) {
  T value{};
  std::size_t written = 0;
  check(call<cublasLtMatrixLayoutGetAttribute>(layout.get(), name, &value, sizeof value, &written));
  EXPECT_EQ(written, sizeof value);
  return value;
}

/// Multiplies as cuBLASLt would by its documentation, from a description alone.
std::vector<double> multiply_as_described(const MatmulDescription& d, const std::vector<double>& A,
                                          const std::vector<double>& B) {
  struct View {  // column-major, transposed where the operation says so
    std::int64_t rows, cols, leading;
    bool transposed;
    const std::vector<double>* data;
    double operator()(std::int64_t r, std::int64_t c) const {
      return data->at(static_cast<std::size_t>(transposed ? r * leading + c : c * leading + r));
    }
    std::int64_t op_rows() const { return transposed ? cols : rows; }
    std::int64_t op_cols() const { return transposed ? rows : cols; }
  };
  const auto view = [&](const MatrixLayout& layout, cublasLtMatmulDescAttributes_t op,
                        const std::vector<double>* data) {
    return View{
        static_cast<std::int64_t>(attribute<std::uint64_t>(layout, CUBLASLT_MATRIX_LAYOUT_ROWS)),
        static_cast<std::int64_t>(attribute<std::uint64_t>(layout, CUBLASLT_MATRIX_LAYOUT_COLS)),
        attribute<std::int64_t>(layout, CUBLASLT_MATRIX_LAYOUT_LD),
        attribute<std::int32_t>(d, op) == CUBLAS_OP_T, data};
  };
  const View left = view(d.left, CUBLASLT_MATMUL_DESC_TRANSA, &B);
  const View right = view(d.right, CUBLASLT_MATMUL_DESC_TRANSB, &A);
  const auto rows = attribute<std::uint64_t>(d.result, CUBLASLT_MATRIX_LAYOUT_ROWS);
  const auto cols = attribute<std::uint64_t>(d.result, CUBLASLT_MATRIX_LAYOUT_COLS);
  EXPECT_EQ(static_cast<std::int64_t>(rows), left.op_rows());
  EXPECT_EQ(static_cast<std::int64_t>(cols), right.op_cols());
  EXPECT_EQ(left.op_cols(), right.op_rows());
  std::vector<double> D(rows * cols);
  const auto leading = attribute<std::int64_t>(d.result, CUBLASLT_MATRIX_LAYOUT_LD);
  for (std::int64_t c = 0; c < right.op_cols(); ++c) {
    for (std::int64_t r = 0; r < left.op_rows(); ++r) {
      for (std::int64_t k = 0; k < left.op_cols(); ++k) {
        D.at(static_cast<std::size_t>(c * leading + r)) += left(r, k) * right(k, c);
      }
    }
  }
  return D;
}

TEST(CudnnMatmul, DescribesRowMajorProducts) {
  constexpr std::int64_t m = 3;
  constexpr std::int64_t n = 5;
  constexpr std::int64_t k = 4;
  std::vector<double> A(m * k);
  std::vector<double> B(k * n);
  for (std::size_t i = 0; i < A.size(); ++i) A[i] = static_cast<double>(i) + 1;
  for (std::size_t i = 0; i < B.size(); ++i) B[i] = static_cast<double>(i * i) - 7;
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      const Gemm shape{
          .transpose_a = transpose_a, .transpose_b = transpose_b, .m = m, .n = n, .k = k};
      const MatmulDescription d = describe_matmul(shape, CUBLASLT_EPILOGUE_DEFAULT, Math::fma);
      const std::vector<double> D = multiply_as_described(d, A, B);
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          double expected = 0;
          for (std::int64_t x = 0; x < k; ++x) {
            const std::int64_t a = transpose_a ? x * m + i : i * k + x;
            const std::int64_t b = transpose_b ? j * k + x : x * n + j;
            expected += A[static_cast<std::size_t>(a)] * B[static_cast<std::size_t>(b)];
          }
          EXPECT_EQ(D[static_cast<std::size_t>(i * n + j)], expected);
        }
      }
    }
  }
}

TEST(CudnnMatmul, DescribesEveryLayerWithItsEpilogues) {
  int described = 0;
  for (const FeedForwardProblem& p : problems<FeedForwardProblem>()) {
    if (p.net == LayerNet::cnn) continue;
    for (const cublasLtEpilogue_t epilogue :
         {CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_AUX_BIAS, CUBLASLT_EPILOGUE_GELU_AUX_BIAS,
          CUBLASLT_EPILOGUE_DRELU_BGRAD, CUBLASLT_EPILOGUE_DGELU_BGRAD}) {
      const Gemm shape{.transpose_b = true, .m = p.B, .n = p.N, .k = p.N};
      const MatmulDescription d = describe_matmul(shape, epilogue, Math::fma);
      EXPECT_EQ(attribute<std::uint32_t>(d, CUBLASLT_MATMUL_DESC_EPILOGUE), epilogue);
      EXPECT_EQ(attribute<std::uint64_t>(d.result, CUBLASLT_MATRIX_LAYOUT_ROWS),
                static_cast<std::uint64_t>(p.N))
          << "a bias lies along the rows of cuBLASLt's result";
      const auto leading = attribute<std::int64_t>(d, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD);
      EXPECT_EQ(leading, aux_leading_dimension(epilogue, p.N));
      EXPECT_TRUE(epilogue == CUBLASLT_EPILOGUE_BIAS || leading >= p.N);
      ++described;
    }
  }
  EXPECT_GT(described, 50);
}

TEST(CudnnMatmul, KeepsWhatBackwardNeedsAsDocumented) {
  EXPECT_EQ(aux_leading_dimension(CUBLASLT_EPILOGUE_RELU_AUX_BIAS, 129), 256) << "bits, by 128";
  EXPECT_EQ(aux_bytes(CUBLASLT_EPILOGUE_DRELU_BGRAD, 3, 129), 3 * 32);
  EXPECT_EQ(aux_leading_dimension(CUBLASLT_EPILOGUE_GELU_AUX_BIAS, 17), 24) << "numbers, by 8";
  EXPECT_EQ(aux_bytes(CUBLASLT_EPILOGUE_DGELU_BGRAD, 3, 17), 3 * 24 * 4);
  EXPECT_EQ(aux_bytes(CUBLASLT_EPILOGUE_BIAS, 3, 17), 0);
}

TEST(CudnnMatmul, RoundsFactorsOnlyWhenAsked) {
  const Gemm shape{.m = 2, .n = 2, .k = 2};
  const auto compute = [&](Math math) {
    return attribute<std::int32_t>(describe_matmul(shape, CUBLASLT_EPILOGUE_DEFAULT, math),
                                   CUBLASLT_MATMUL_DESC_COMPUTE_TYPE);
  };
  EXPECT_EQ(compute(Math::fma), CUBLAS_COMPUTE_32F);
  EXPECT_EQ(compute(Math::tf32), CUBLAS_COMPUTE_32F_FAST_TF32);
}

TEST(CudnnChoice, TakesTheFastestThatWasAccepted) {
  const std::vector<Trial> trials{
      {"a", 2.0, ""},
      try_out("b", []() -> double { throw std::runtime_error("too large"); }),
      try_out("c",
              []() -> double {
                check(CUDNN_STATUS_NOT_SUPPORTED);
                return 0;
              }),
      try_out("d", [] { return 1.5; })};
  EXPECT_EQ(fastest(trials), 3);
  EXPECT_EQ(fastest({trials[1], trials[2]}), -1);
  const std::string text = describe(trials);
  EXPECT_NE(text.find("a 2 ms"), std::string::npos) << text;
  EXPECT_NE(text.find("b refused: too large"), std::string::npos) << text;
  EXPECT_NE(text.find("c refused: CUDNN_STATUS_NOT_SUPPORTED (3000)"), std::string::npos) << text;
}

TEST(CudnnPlan, ConvertsNumbersOfEveryFormat) {
  const std::vector<double> numbers{0.0,     -0.0, 1.0 / 3, -1e-7,   65504.0, 1e30,
                                    0x1p-24, -1.5, 1e-320,  3.14159, 2049,    INFINITY};
  for (const Dtype dtype : {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16}) {
    const std::vector<std::byte> bytes = encode(dtype, numbers);
    ASSERT_EQ(bytes.size(), numbers.size() * element_bytes(dtype));
    const std::vector<double> back = decode(dtype, bytes);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ(back[i], round_to(dtype, numbers[i])) << gradepth::name(dtype) << ' ' << numbers[i];
      EXPECT_EQ(std::signbit(back[i]), std::signbit(numbers[i]));
    }
    EXPECT_TRUE(std::isnan(decode(dtype, encode(dtype, {NAN}))[0]));
  }
}

}  // namespace
}  // namespace gradepth::cudnn
