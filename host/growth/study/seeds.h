#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <utility>

#include "host/device/threads.h"

namespace gradepth::growth {

/// Threads that may each hold a seed of this many bytes: one for each core, 4 GB together.
inline int threads_within_memory(double bytes_of_one_seed) {
  constexpr double budget = 4e9;
  return static_cast<int>(
      std::clamp(budget / bytes_of_one_seed, 1.0, static_cast<double>(available_threads())));
}

/// Calls body(state, i) for every i in [0, n), on up to `threads` threads, in any order; each
/// thread makes a state of its own, make(), before its first call. What body writes must depend on
/// i alone: then the outcome does not depend on the number of threads. After a failure no further
/// call begins, and the first failure is thrown.
template <class Make, class Body>
void for_each_seed(std::size_t n, int threads, Make&& make, Body&& body) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex failing;
  parallel(n > 1 ? threads : 1, [&](const Worker&) {
    try {
      std::size_t i = next++;
      if (i >= n) return;
      auto state = make();
      for (; i < n; i = next++) body(state, i);
    } catch (...) {
      next = n;
      const std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace gradepth::growth
