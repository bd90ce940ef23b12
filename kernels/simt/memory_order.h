#pragma once
/// Memory that blocks of one launch exchange. The CUDA side is kernels/cuda/memory_order.h.
#include <chrono>

#include "kernels/simt/meter_hooks.h"
#include "kernels/simt/types.h"

namespace gradepth::inline simt {

namespace detail {
void yield();
[[noreturn]] void give_up_waiting();
}  // namespace detail

/// Reads what another running block has written and a barrier has ordered.
template <class T>
T load_exchanged(const T* p) {
  return *p;
}

/// Adds to *p; all that was written before is visible to who reads the sum with load_acquire.
inline void add_release(unsigned* p, unsigned value) {
  meter::atomic(p, sizeof *p);
  __atomic_fetch_add(p, value, __ATOMIC_RELEASE);
}

/// Reads *p; all that was written before the value was released is visible afterwards.
inline unsigned load_acquire(const unsigned* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

/// A hint without effect here.
inline void prefetch_l2(const void* /*p*/) {}

/// Waits until ready() is true because another thread or block has written something. The other
/// threads run meanwhile. Throws Error when the others have failed, or after a minute.
template <class Ready>
void spin_until(Ready ready) {
  const meter::Wait metered;
  if (ready()) return;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!ready()) {
    detail::yield();
    if (std::chrono::steady_clock::now() > deadline) detail::give_up_waiting();
  }
}

}  // namespace gradepth::inline simt
