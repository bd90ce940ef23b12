#include "host/growth/jacobians/weight_operators.h"

#include <Eigen/Core>
#include <algorithm>
#include <vector>

namespace gradepth::growth {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const RowMajor>;

using image::pixels;
using image::taps;

/// Calls f(tap, to, from): output pixel `to` reads input pixel `from`, the image being a torus.
template <class F>
void for_each_tap(F&& f) {
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t to = 0; to < pixels; ++to) {
      f(tap, to, image::neighbour(to, tap));
    }
  }
}

/// out [rows, K] = A in, K vectors. One vector goes the faster way of a matrix-vector product.
template <class Matrix>
void multiply_block(const Matrix& A, std::span<const double> in, std::span<double> out) {
  const auto K = static_cast<Eigen::Index>(in.size()) / A.cols();
  if (K == 1) {
    Eigen::Map<Eigen::VectorXd>(out.data(), A.rows()).noalias() =
        A * Eigen::Map<const Eigen::VectorXd>(in.data(), A.cols());
  } else {
    Eigen::Map<Eigen::MatrixXd>(out.data(), A.rows(), K).noalias() =
        A * Eigen::Map<const Eigen::MatrixXd>(in.data(), A.cols(), K);
  }
}

/// One sample's convolution as a product: kernels [N, N · taps] times patches [N · taps, pixels].
void convolve(const Rows& kernels, const double* in, double* out) {
  RowMajor patches(kernels.cols(), pixels);
  for (Eigen::Index i = 0; i < kernels.rows(); ++i) {
    for_each_tap([&](std::int64_t tap, std::int64_t to, std::int64_t from) {
      patches(i * taps + tap, to) = in[i * pixels + from];
    });
  }
  Eigen::Map<RowMajor>(out, kernels.rows(), pixels).noalias() = kernels * patches;
}

void convolve_transposed(const Rows& kernels, const double* in, double* out) {
  const RowMajor patches = kernels.transpose() * Rows(in, kernels.rows(), pixels);
  std::fill_n(out, kernels.rows() * pixels, 0.0);
  for (Eigen::Index i = 0; i < kernels.rows(); ++i) {
    for_each_tap([&](std::int64_t tap, std::int64_t to, std::int64_t from) {
      out[i * pixels + from] += patches(i * taps + tap, to);
    });
  }
}

}  // namespace

WeightOperators::WeightOperators(const GrowthSpec& spec, const Tensors& drawn)
    : cnn_(is_cnn(spec)),
      rows_(spec.width * gates(spec)),
      columns_(spec.width * (cnn_ ? taps : 1)) {
  const Tensor& W = drawn.find(is_recurrent(spec) ? "Wh" : "W")->second;
  const Tensor& b = drawn.find("b")->second;
  const auto L = static_cast<std::size_t>(spec.depth);
  W_ = W.data.data();
  stride_ = is_shared(spec) ? 0 : W.size() / L;
  bias_ = b.data;
  bias_size_ = is_shared(spec) ? b.size() : b.size() / L;
  bias_stride_ = is_shared(spec) ? 0 : bias_size_;
}

void WeightOperators::multiply(std::size_t l, std::span<const double> in,
                               std::span<double> out) const {
  const Rows W(weights(l), rows_, columns_);
  if (!cnn_) return multiply_block(W, in, out);
  const auto n = static_cast<std::size_t>(rows_ * pixels);
  for (std::size_t at = 0; at < in.size(); at += n) convolve(W, &in[at], &out[at]);
}

void WeightOperators::multiply_transposed(std::size_t l, std::span<const double> in,
                                          std::span<double> out) const {
  const Rows W(weights(l), rows_, columns_);
  if (!cnn_) return multiply_block(W.transpose(), in, out);
  const auto n = static_cast<std::size_t>(rows_ * pixels);
  for (std::size_t at = 0; at < in.size(); at += n) convolve_transposed(W, &in[at], &out[at]);
}

}  // namespace gradepth::growth
