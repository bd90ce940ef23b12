#include "kernels/meter/request.h"

#include <algorithm>
#include <bit>
#include <span>

namespace gradepth::inline simt::meter {
namespace {

constexpr unsigned word_bytes = 4;
constexpr unsigned banks = 32;

/// Calls f(lane) for every bit, from the lowest.
template <class F>
void for_each_lane(unsigned lanes, F f) {
  for (; lanes != 0; lanes &= lanes - 1) f(static_cast<unsigned>(std::countr_zero(lanes)));
}

/// Sorts and drops what is there twice; returns how many are left.
unsigned make_distinct(std::span<std::uint64_t> numbers) {
  if (!std::is_sorted(numbers.begin(), numbers.end())) std::sort(numbers.begin(), numbers.end());
  const auto end = std::unique(numbers.begin(), numbers.end());
  return static_cast<unsigned>(end - numbers.begin());
}

/// The largest number of words in one bank.
unsigned passes(std::span<const std::uint64_t> words) {
  std::array<unsigned, banks> in_bank{};
  unsigned most = 0;
  for (const std::uint64_t word : words) most = std::max(most, ++in_bank[word % banks]);
  return most;
}

}  // namespace

Wavefronts shared_wavefronts(const Request& request) {
  const unsigned words = (request.bytes + word_bytes - 1) / word_bytes;  // of a lane
  const unsigned together = 32 / words;                                  // lanes in a part
  const unsigned part = together == 32 ? ~0U : (1U << together) - 1;
  Wavefronts result;
  for (unsigned first = 0; first < 32; first += together) {
    const unsigned lanes = request.lanes & part << first;
    if (lanes == 0) continue;
    std::array<std::uint64_t, 32> numbers;
    unsigned n = 0;
    for_each_lane(lanes, [&](unsigned lane) {
      for (unsigned w = 0; w < words; ++w) numbers[n++] = request.address[lane] / word_bytes + w;
    });
    n = make_distinct(std::span(numbers).first(n));
    result.count += passes(std::span(numbers).first(n));
    ++result.least;
  }
  return result;
}

unsigned atomic_steps(const Request& request) {
  unsigned most = 0;
  for_each_lane(request.lanes, [&](unsigned lane) {
    unsigned same = 0;
    for_each_lane(request.lanes, [&](unsigned other) {
      same += request.address[lane] == request.address[other] ? 1 : 0;
    });
    most = std::max(most, same);
  });
  return most;
}

Sectors global_sectors(const Request& request, unsigned lanes) {
  Sectors result;
  std::array<std::uint64_t, 32> addresses;
  unsigned n = 0;
  for_each_lane(lanes, [&](unsigned lane) {
    const std::uint64_t first = request.address[lane];
    addresses[n++] = first;
    const std::uint64_t last = first + request.bytes - 1;
    for (std::uint64_t s = first / sector_bytes; s <= last / sector_bytes; ++s) {
      result.number[result.count++] = s;
    }
  });
  result.count = make_distinct(std::span(result.number).first(result.count));
  result.bytes = make_distinct(std::span(addresses).first(n)) * request.bytes;
  result.least = (result.bytes + sector_bytes - 1) / sector_bytes;
  return result;
}

}  // namespace gradepth::inline simt::meter
