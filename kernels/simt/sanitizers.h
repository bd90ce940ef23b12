#pragma once
/// What the executor tells AddressSanitizer and ThreadSanitizer; nothing in other builds.
#include <cstddef>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define GRADEPTH_SIMT_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define GRADEPTH_SIMT_ASAN 1
#endif

#ifdef GRADEPTH_SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
// A definition of the CMake target and not the compiler's macro: the executor itself is compiled
// without ThreadSanitizer, so that its bookkeeping is no "race" and adds no order between threads.
#ifdef GRADEPTH_SIMT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace gradepth::inline simt::asan {

#ifdef GRADEPTH_SIMT_ASAN
inline constexpr bool kEnabled = true;
#else
inline constexpr bool kEnabled = false;
#endif

inline void poison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef GRADEPTH_SIMT_ASAN
  ASAN_POISON_MEMORY_REGION(memory, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef GRADEPTH_SIMT_ASAN
  ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
#endif
}

/// Announces a switch to another stack; `fake` keeps the stack that is left (null: it is finished).
inline void start_switch([[maybe_unused]] void** fake, [[maybe_unused]] const void* bottom,
                         [[maybe_unused]] std::size_t size) {
#ifdef GRADEPTH_SIMT_ASAN
  __sanitizer_start_switch_fiber(fake, bottom, size);
#endif
}

/// Announces the arrival on a stack; tells the bounds of the stack that was left.
inline void finish_switch([[maybe_unused]] void* fake, [[maybe_unused]] const void** bottom,
                          [[maybe_unused]] std::size_t* size) {
#ifdef GRADEPTH_SIMT_ASAN
  __sanitizer_finish_switch_fiber(fake, bottom, size);
#endif
}

}  // namespace gradepth::inline simt::asan

namespace gradepth::inline simt::tsan {

/// ThreadSanitizer's idea of one thread. A new one comes after all that its creator has done or
/// acquired; after that only acquire() orders it.
using Context = void*;

#ifdef GRADEPTH_SIMT_TSAN
inline constexpr bool kEnabled = true;
inline Context create() { return __tsan_create_fiber(0); }
inline void destroy(Context context) { __tsan_destroy_fiber(context); }
inline Context current() { return __tsan_get_current_fiber(); }
/// Continues as `context`, without ordering it after what ran before.
inline void switch_to(Context context) {
  __tsan_switch_to_fiber(context, __tsan_switch_to_fiber_no_sync);
}
inline void release(const void* at) { __tsan_release(const_cast<void*>(at)); }
inline void acquire(const void* at) { __tsan_acquire(const_cast<void*>(at)); }
#else
inline constexpr bool kEnabled = false;
inline Context create() { return nullptr; }
inline void destroy(Context /*context*/) {}
inline Context current() { return nullptr; }
inline void switch_to(Context /*context*/) {}
inline void release(const void* /*at*/) {}
inline void acquire(const void* /*at*/) {}
#endif

}  // namespace gradepth::inline simt::tsan
