#include "host/train/random.h"

#include <Random123/philox.h>

#include <numeric>
#include <utility>

namespace gradepth::train {

double uniform(std::uint64_t seed, Stream stream, std::uint64_t index) {
  const r123::Philox4x32::ctr_type counter{{static_cast<std::uint32_t>(index),
                                            static_cast<std::uint32_t>(index >> 32),
                                            static_cast<std::uint32_t>(stream), 0}};
  const r123::Philox4x32::key_type key{
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}};
  const auto bits = r123::Philox4x32{}(counter, key);
  return static_cast<double>((std::uint64_t{bits[0]} << 32 | bits[1]) >> 11) * 0x1p-53;
}

std::vector<std::size_t> permutation(std::size_t n, std::uint64_t seed, Stream stream,
                                     std::uint64_t round) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t left = n; left > 1; --left) {
    const double u = uniform(seed, stream, round * n + left - 1);
    const auto j = static_cast<std::size_t>(u * static_cast<double>(left));
    std::swap(order[left - 1], order[j]);
  }
  return order;
}

}  // namespace gradepth::train
