#pragma once

#include <cstddef>
#include <span>

#include "host/problem/tensor.h"

/// What stands on the last state: a linear map to classes and the loss.
namespace gradepth::train {

struct HeadResult {
  double loss = 0;          // mean over the batch, nats
  std::size_t correct = 0;  // samples whose largest logit is their class
  Tensor dh;                // dL/dh [B, H]
  Tensor dV, db;            // like V, b
};

/// Softmax cross-entropy of the logits a = V h + b, and its gradients.
///   V [C, H], b [C], h [B, H] (row-major, contiguous), labels [B] in 0 … C-1
///   loss = mean of ln Σ exp a_j - a_label;   da = (softmax(a) - onehot) / B
HeadResult softmax_cross_entropy(const Tensor& V, const Tensor& b, std::span<const double> h,
                                 std::span<const int> labels);

}  // namespace gradepth::train
