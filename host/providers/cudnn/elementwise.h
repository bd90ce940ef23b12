#pragma once

#include "host/providers/cudnn/plan.h"

/// cuDNN's activations and sums over rows. Their calls are the older part of cuDNN's interface,
/// still there in version 9: all that touches it is in this file's two parts and in
/// convolution.
namespace gradepth::cudnn {

using ActivationDescriptor =
    std::unique_ptr<cudnnActivationStruct, Destroyer<call<cudnnDestroyActivationDescriptor>>>;
using ReduceDescriptor =
    std::unique_ptr<cudnnReduceTensorStruct, Destroyer<call<cudnnDestroyReduceTensorDescriptor>>>;

/// Our activation in cuDNN's terms, NaN kept; null if cuDNN has none with our formula. Elu has
/// alpha 1 in both, silu is cuDNN's swish with beta 1. cuDNN's "identity" is for convolutions
/// alone.
ActivationDescriptor describe_activation(Activation act);

/// The factors of a blend, result = alpha · op + beta · what was there, in the type that cuDNN
/// reads for a format: double for f64, else float.
class Blend {
 public:
  Blend(Dtype dtype, double alpha, double beta)
      : wide_{alpha, beta},
        narrow_{static_cast<float>(alpha), static_cast<float>(beta)},
        is_wide_(dtype == Dtype::f64) {}
  [[nodiscard]] const void* alpha() const { return is_wide_ ? at(wide_) : at(narrow_); }
  [[nodiscard]] const void* beta() const { return is_wide_ ? at(wide_ + 1) : at(narrow_ + 1); }

 private:
  static const void* at(const void* p) { return p; }
  double wide_[2];
  float narrow_[2];
  bool is_wide_;
};

/// An activation on dense tensors of n elements, forward and backward.
class CudnnActivation {
 public:
  /// CudnnError when cuDNN does not take such a tensor.
  CudnnActivation(LibraryPtr library, Activation act, Dtype dtype, std::int64_t n);

  /// y = f(x)
  void forward(const void* x, void* y) const;
  /// dx = scale · dy · f'(x), y = f(x). dx may be dy.
  void backward(const void* y, const void* dy, const void* x, void* dx, double scale = 1) const;

 private:
  LibraryPtr library_;
  Dtype dtype_;
  ActivationDescriptor act_;
  TensorDescriptor data_;
};

/// sums[c] = Σ_r x[r, c] by cudnnReduceTensor.   x [rows, cols], sums [cols]
class RowSum {
 public:
  RowSum(LibraryPtr library, Dtype dtype, std::int64_t rows, std::int64_t cols);
  void run(const void* x, void* sums) const;
  [[nodiscard]] std::size_t workspace_bytes() const { return workspace_.bytes(); }

 private:
  [[nodiscard]] std::size_t ask_workspace() const;

  LibraryPtr library_;
  Dtype dtype_;
  TensorDescriptor from_, to_;
  ReduceDescriptor sum_;
  Buffer<std::byte> workspace_;
};
/// The descriptor of a sum of numbers of this format.
ReduceDescriptor describe_sum(Dtype dtype);

/// The same sum, f32, as a product of xᵀ with `ones` [rows] by cuBLAS.
void sum_rows_by_gemv(const Library& library, std::int64_t rows, std::int64_t cols, const float* x,
                      const float* ones, float* sums);

}  // namespace gradepth::cudnn
