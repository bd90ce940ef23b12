// What instrumented kernels call: clang's interface to ThreadSanitizer (-fsanitize=thread when
// compiling, not when linking) for every load and store, and its coverage interface for every basic
// block. These functions are ours; neither runtime is linked.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/meter/recorder.h"

namespace {

using gradepth::simt::meter::Recorder;
using gradepth::simt::meter::recorder;

void access(const void* address, std::size_t bytes, bool store, const void* code) {
  if (Recorder* const to = recorder()) to->access(address, bytes, store, code);
}

/// A copy of a struct that was not taken apart: nvcc makes words of it where its size allows. Each
/// word is an access of its own, at a place of its own behind the call.
void access_words(const void* memory, std::size_t bytes, bool store, const char* code) {
  const std::size_t word = bytes % 4 == 0 ? 4 : 1;
  const auto* const first = static_cast<const std::byte*>(memory);
  for (std::size_t i = 0; i < bytes; i += word) access(first + i, word, store, code);
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier, bugprone-macro-parentheses)
// The names are the compiler's, and return addresses are those of the functions themselves: a macro
// is the only way to write the 30 of them once.
#define GRADEPTH_CODE __builtin_return_address(0)
#define GRADEPTH_ACCESSES(n)                                                     \
  void __tsan_read##n(void* p) { access(p, n, false, GRADEPTH_CODE); }           \
  void __tsan_write##n(void* p) { access(p, n, true, GRADEPTH_CODE); }           \
  void __tsan_unaligned_read##n(void* p) { access(p, n, false, GRADEPTH_CODE); } \
  void __tsan_unaligned_write##n(void* p) { access(p, n, true, GRADEPTH_CODE); } \
  void __tsan_read_write##n(void* p) {                                           \
    access(p, n, false, GRADEPTH_CODE);                                          \
    access(p, n, true, GRADEPTH_CODE);                                           \
  }                                                                              \
  void __tsan_unaligned_read_write##n(void* p) {                                 \
    access(p, n, false, GRADEPTH_CODE);                                          \
    access(p, n, true, GRADEPTH_CODE);                                           \
  }

extern "C" {

GRADEPTH_ACCESSES(1)
GRADEPTH_ACCESSES(2)
GRADEPTH_ACCESSES(4)
GRADEPTH_ACCESSES(8)
GRADEPTH_ACCESSES(16)

void* __tsan_memcpy(void* to, const void* from, std::size_t bytes) {
  const auto* const code = static_cast<const char*>(GRADEPTH_CODE);
  access_words(from, bytes, false, code);
  access_words(to, bytes, true, code + 1);
  return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t bytes) {
  const auto* const code = static_cast<const char*>(GRADEPTH_CODE);
  access_words(from, bytes, false, code);
  access_words(to, bytes, true, code + 1);
  return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int byte, std::size_t bytes) {
  access_words(to, bytes, true, static_cast<const char*>(GRADEPTH_CODE));
  return std::memset(to, byte, bytes);
}

void __tsan_init() {}
void __tsan_func_entry(void* /*code*/) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void** /*p*/) {}
void __tsan_vptr_update(void** /*p*/, void* /*value*/) {}

/// Numbers the basic blocks of one file, once: in the order of the code.
void __sanitizer_cov_trace_pc_guard_init(std::uint32_t* first, std::uint32_t* last) {
  static std::uint32_t number = 0;
  if (first == last || *first != 0) return;
  for (std::uint32_t* guard = first; guard != last; ++guard) *guard = ++number;
}

void __sanitizer_cov_trace_pc_guard(const std::uint32_t* guard) {
  if (Recorder* const to = recorder()) to->enter_basic_block(*guard);
}

}  // extern "C"

#undef GRADEPTH_ACCESSES
#undef GRADEPTH_CODE
// NOLINTEND(bugprone-reserved-identifier, bugprone-macro-parentheses)
