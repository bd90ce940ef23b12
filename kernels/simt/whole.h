#pragma once
#include <cstddef>

namespace gradepth::inline simt {

/// *to = *from with one access on each side where the value has 8 or 16 bytes, as CUDA copies its
/// vector types. To the executor a copy is a copy; but the meter counts accesses, and a compiler
/// splits the copy of a struct into its members where it can.
template <class T>
void copy_whole(T* to, const T* from) {
#ifdef GRADEPTH_SIMT_METER
  if constexpr (sizeof(T) == 8 || sizeof(T) == 16) {
    using Bits [[gnu::vector_size(sizeof(T)), gnu::may_alias]] = float;
    // NOLINTNEXTLINE(misc-const-correctness): the line below may change it, says the compiler
    Bits bits = *reinterpret_cast<const Bits*>(from);
    asm("" : "+x"(bits));  // one value: it cannot be taken apart
    *reinterpret_cast<Bits*>(to) = bits;
    return;
  }
#endif
  *to = *from;
}

}  // namespace gradepth::inline simt
