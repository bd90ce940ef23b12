#include "host/train/head.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace gradepth::train {

HeadResult softmax_cross_entropy(const Tensor& V, const Tensor& b, std::span<const double> h,
                                 std::span<const int> labels) {
  const std::size_t C = b.size();
  const std::size_t B = labels.size();
  const std::size_t H = V.stride();
  if (V.size() != C * H || h.size() != B * H || C == 0 || B == 0) {
    throw std::invalid_argument("head: V [C, H], b [C], h [B, H] and labels [B] do not fit");
  }
  HeadResult out{0, 0, Tensor({static_cast<std::int64_t>(B), static_cast<std::int64_t>(H)}),
                 Tensor(V.shape), Tensor(b.shape)};
  std::vector<double> a(C);
  for (std::size_t n = 0; n < B; ++n) {
    const double* h_n = &h[n * H];
    double* dh_n = &out.dh.data[n * H];
    for (std::size_t j = 0; j < C; ++j) {
      a[j] = b.data[j];
      for (std::size_t k = 0; k < H; ++k) a[j] += V.data[j * H + k] * h_n[k];
    }
    const auto label = static_cast<std::size_t>(labels[n]);
    const auto top = std::max_element(a.begin(), a.end());
    out.correct += static_cast<std::size_t>(top - a.begin()) == label ? 1 : 0;

    // ln Σ exp a_j, shifted by the largest so that nothing overflows.
    const double shift = *top;
    double sum = 0;
    for (const double a_j : a) sum += std::exp(a_j - shift);
    out.loss += (shift + std::log(sum) - a.at(label)) / static_cast<double>(B);
    for (std::size_t j = 0; j < C; ++j) {
      const double softmax = std::exp(a[j] - shift) / sum;
      const double da = (softmax - (j == label ? 1.0 : 0.0)) / static_cast<double>(B);
      out.db.data[j] += da;
      for (std::size_t k = 0; k < H; ++k) {
        out.dV.data[j * H + k] += da * h_n[k];
        dh_n[k] += da * V.data[j * H + k];
      }
    }
  }
  return out;
}

}  // namespace gradepth::train
