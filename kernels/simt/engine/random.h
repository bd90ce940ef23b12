#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gradepth::inline simt::detail {

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and any seed is good.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// A number below `bound`; the bias is below 2^-32 for the few thousand threads of a block.
  std::size_t below(std::size_t bound) { return (*this)() % bound; }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace gradepth::inline simt::detail
