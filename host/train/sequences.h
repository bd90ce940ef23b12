#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "host/problem/tensor.h"

namespace gradepth::train {

/// Labelled sequences: what a classification task is made of.
struct Sequences {
  std::int64_t T = 0;        // steps
  std::int64_t I = 1;        // features per step
  std::int64_t classes = 0;  // labels are 0 … classes-1
  std::vector<double> x;     // [n, T, I]
  std::vector<int> labels;   // [n]

  [[nodiscard]] std::size_t size() const { return labels.size(); }
};

/// The chosen sequences, in the order given.
Sequences select(const Sequences& all, std::span<const std::size_t> rows);

/// x of the chosen sequences as a recurrent problem takes it, [T, B, I].
Tensor steps_first(const Sequences& all, std::span<const std::size_t> rows);

}  // namespace gradepth::train
