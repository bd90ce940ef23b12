#pragma once
/// Atomic operations as kernels write them, and fences.
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simt/meter_hooks.h"
#include "kernels/simt/sanitizers.h"

// CUDA's names are reserved ones. NOLINTBEGIN(bugprone-reserved-identifier)

namespace gradepth::inline simt {

namespace detail {

/// Whether the running thread has fenced; see update().
bool has_fenced();
void set_fenced();

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class To, class From>
To bit_copy(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <class T>
bool exchange_if(BitsOf<T>* at, BitsOf<T>& expected, BitsOf<T> desired) {
  // CUDA's atomics are relaxed: without a fence before it, an atomic publishes nothing. For
  // ThreadSanitizer they release only what a thread wrote after its first fence or before; so a
  // missing __threadfence is found. (The acquiring side is granted: sanitizers have no fences.)
  if (tsan::kEnabled && !has_fenced()) {
    return __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_ACQUIRE);
  }
  return __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

/// *address = change(*address), as one step; returns the old value.
template <class T, class Change>
T update(T* address, Change change) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "atomics work on 4 or 8 bytes");
  meter::atomic(address, sizeof(T));
  auto* const at = reinterpret_cast<BitsOf<T>*>(address);
  BitsOf<T> old = __atomic_load_n(at, __ATOMIC_RELAXED);
  for (;;) {
    const T before = bit_copy<T>(old);
    if (exchange_if<T>(at, old, bit_copy<BitsOf<T>>(static_cast<T>(change(before))))) return before;
  }
}

}  // namespace detail

// The operand converts to the type behind the pointer, as in CUDA's overloads.
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return old + value; });
}
template <class T>
T atomicSub(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return old - value; });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return value < old ? value : old; });
}
template <class T>
T atomicAnd(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return old & value; });
}
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return old | value; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return detail::update(address, [=](T /*old*/) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return detail::update(address, [=](T old) { return old == expected ? value : old; });
}
/// Counts up to `limit`, then starts again at 0.
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return detail::update(address, [=](unsigned old) { return old >= limit ? 0U : old + 1; });
}

/// What this thread wrote before is seen by others before what it writes after.
inline void __threadfence() {
  if constexpr (tsan::kEnabled) {
    detail::set_fenced();
  } else {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
  }
}
inline void __threadfence_block() { __threadfence(); }
inline void __threadfence_system() { __threadfence(); }

}  // namespace gradepth::inline simt

// NOLINTEND(bugprone-reserved-identifier)
