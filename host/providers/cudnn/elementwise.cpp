#include "host/providers/cudnn/elementwise.h"

#include <stdexcept>
#include <utility>

namespace gradepth::cudnn {
namespace {

ActivationDescriptor require_activation(Activation act) {
  ActivationDescriptor described = describe_activation(act);
  if (!described) throw std::invalid_argument("cuDNN has no " + std::string(act.name()));
  return described;
}

}  // namespace

ActivationDescriptor describe_activation(Activation act) {
  struct Known {
    Activation act;
    cudnnActivationMode_t mode;
  };
  constexpr Known known[] = {
      {"sigmoid", CUDNN_ACTIVATION_SIGMOID}, {"tanh", CUDNN_ACTIVATION_TANH},
      {"relu", CUDNN_ACTIVATION_RELU},       {"elu", CUDNN_ACTIVATION_ELU},
      {"silu", CUDNN_ACTIVATION_SWISH},
  };
  for (const auto& [one, mode] : known) {
    if (one != act) continue;
    auto described = make<ActivationDescriptor>(call<cudnnCreateActivationDescriptor>);
    constexpr double alpha = 1;  // elu's; the others do not read it
    check(call<cudnnSetActivationDescriptor>(described.get(), mode, CUDNN_PROPAGATE_NAN, alpha));
    if (mode == CUDNN_ACTIVATION_SWISH) {
      check(call<cudnnSetActivationDescriptorSwishBeta>(described.get(), 1.0));
    }
    return described;
  }
  return nullptr;
}

ReduceDescriptor describe_sum(Dtype dtype) {
  auto sum = make<ReduceDescriptor>(call<cudnnCreateReduceTensorDescriptor>);
  check(call<cudnnSetReduceTensorDescriptor>(
      sum.get(), CUDNN_REDUCE_TENSOR_ADD,
      dtype == Dtype::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT, CUDNN_PROPAGATE_NAN,
      CUDNN_REDUCE_TENSOR_NO_INDICES, CUDNN_32BIT_INDICES));
  return sum;
}

CudnnActivation::CudnnActivation(LibraryPtr library, Activation act, Dtype dtype, std::int64_t n)
    : library_(std::move(library)),
      dtype_(dtype),
      act_(require_activation(act)),
      data_(describe_tensor(dtype, {1, 1, 1, n})) {}

void CudnnActivation::forward(const void* x, void* y) const {
  const Blend set(dtype_, 1, 0);
  check(call<cudnnActivationForward>(library_->dnn.get(), act_.get(), set.alpha(), data_.get(), x,
                                     set.beta(), data_.get(), y));
}

void CudnnActivation::backward(const void* y, const void* dy, const void* x, void* dx,
                               double scale) const {
  const Blend set(dtype_, scale, 0);
  check(call<cudnnActivationBackward>(library_->dnn.get(), act_.get(), set.alpha(), data_.get(), y,
                                      data_.get(), dy, data_.get(), x, set.beta(), data_.get(),
                                      dx));
}

RowSum::RowSum(LibraryPtr library, Dtype dtype, std::int64_t rows, std::int64_t cols)
    : library_(std::move(library)),
      dtype_(dtype),
      from_(describe_tensor(dtype, {1, 1, rows, cols})),
      to_(describe_tensor(dtype, {1, 1, 1, cols})),
      sum_(describe_sum(dtype)),
      workspace_(ask_workspace()) {}

std::size_t RowSum::ask_workspace() const {
  std::size_t bytes = 0;
  check(call<cudnnGetReductionWorkspaceSize>(library_->dnn.get(), sum_.get(), from_.get(),
                                             to_.get(), &bytes));
  return bytes;
}

void RowSum::run(const void* x, void* sums) const {
  const Blend set(dtype_, 1, 0);
  check(call<cudnnReduceTensor>(library_->dnn.get(), sum_.get(), nullptr, 0, workspace_.data(),
                                workspace_.bytes(), set.alpha(), from_.get(), x, set.beta(),
                                to_.get(), sums));
}

// cuBLAS sees x, row by row, as [cols, rows].
void sum_rows_by_gemv(const Library& library, std::int64_t rows, std::int64_t cols, const float* x,
                      const float* ones, float* sums) {
  check(call<cublasSgemv_64>(library.blas.get(), CUBLAS_OP_N, cols, rows, &one, x, cols, ones, 1,
                             &zero, sums, 1));
}

}  // namespace gradepth::cudnn
