#pragma once
/// What the tests of the executor share.
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/platform.h"

namespace gradepth::inline simt::testing {

/// The seeds that a test tries; 0, threads in their order, is not among them.
inline constexpr std::uint64_t kSeeds = 12;

/// Device memory, which here is host memory.
template <class T>
using Memory = std::vector<T>;

/// The text of the Error that `run` throws; empty without one.
template <class Run>
std::string error_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// On how many of the random schedules `right(stream)` is false.
template <class Right>
std::uint64_t wrong_seeds(Right right) {
  std::uint64_t wrong = 0;
  Stream stream;
  for (stream.seed = 1; stream.seed <= kSeeds; ++stream.seed) wrong += right(stream) ? 0 : 1;
  return wrong;
}

/// Runs a planted bug: at least half of the random schedules must give a wrong result. (All bugs
/// here show on nearly every one.) Under ThreadSanitizer the bug would be a report, which ends the
/// program: tsan_test has those.
template <class Right>
bool shows_on_many_seeds(Right right) {
  return tsan::kEnabled || wrong_seeds(right) >= kSeeds / 2;
}

}  // namespace gradepth::inline simt::testing
