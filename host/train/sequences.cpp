#include "host/train/sequences.h"

#include <algorithm>

namespace gradepth::train {

Sequences select(const Sequences& all, std::span<const std::size_t> rows) {
  Sequences chosen{all.T, all.I, all.classes, {}, {}};
  const auto length = static_cast<std::size_t>(all.T * all.I);
  for (const std::size_t row : rows) {
    const auto begin = all.x.begin() + static_cast<std::ptrdiff_t>(row * length);
    chosen.x.insert(chosen.x.end(), begin, begin + static_cast<std::ptrdiff_t>(length));
    chosen.labels.push_back(all.labels[row]);
  }
  return chosen;
}

Tensor steps_first(const Sequences& all, std::span<const std::size_t> rows) {
  const auto T = static_cast<std::size_t>(all.T);
  const auto I = static_cast<std::size_t>(all.I);
  const std::size_t B = rows.size();
  Tensor x({all.T, static_cast<std::int64_t>(B), all.I});
  for (std::size_t t = 0; t < T; ++t) {
    for (std::size_t b = 0; b < B; ++b) {
      std::copy_n(&all.x[(rows[b] * T + t) * I], I, &x.data[(t * B + b) * I]);
    }
  }
  return x;
}

}  // namespace gradepth::train
