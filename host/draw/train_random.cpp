#include "host/draw/train_random.h"

#include <numeric>
#include <utility>

#include "host/draw/random.h"

namespace gradepth::train {

double uniform(std::uint64_t seed, Stream stream, std::uint64_t index) {
  return uniform_pair(seed, static_cast<std::uint32_t>(stream), index).first;
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
