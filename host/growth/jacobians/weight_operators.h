#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

namespace gradepth::growth {

/// The linear part of every map of a net, W_l, in float64: a matrix [rows, columns], for recurrent
/// cells all gates' rows one after the other, or a circular 3 × 3 convolution. Not for additive
/// nets.
class WeightOperators {
 public:
  /// Views the drawn tensors, which must outlive it.
  WeightOperators(const GrowthSpec& spec, const Tensors& drawn);

  /// out = W_l in for l = 0 … L - 1; `in` holds vectors of `columns` numbers, one after the other,
  /// `out` as many of `rows`. The same bits whatever the number of threads.
  void multiply(std::size_t l, std::span<const double> in, std::span<double> out) const;
  /// out = W_lᵀ in, with `rows` and `columns` the other way round.
  void multiply_transposed(std::size_t l, std::span<const double> in, std::span<double> out) const;

  [[nodiscard]] std::span<const double> bias(std::size_t l) const {
    return bias_.subspan(l * bias_stride_, bias_size_);
  }

 private:
  [[nodiscard]] const double* weights(std::size_t l) const { return W_ + l * stride_; }

  bool cnn_;
  std::int64_t rows_;     // cnn: output channels
  std::int64_t columns_;  // cnn: input channels × taps
  const double* W_;
  std::size_t stride_;  // to the next map's W; 0 when all share it
  std::span<const double> bias_;
  std::size_t bias_size_;
  std::size_t bias_stride_;
};

}  // namespace gradepth::growth
