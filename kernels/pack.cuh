#pragma once

#include <cstdint>
#include <utility>

#include "kernels/half.h"
#include "kernels/platform.h"

/// W numbers that are loaded and stored at once, 16 bytes as a rule: like CUDA's float4, but with
/// an index.
namespace gradepth::inline GRADEPTH_PLATFORM {

template <int W, class T = float>
struct alignas(W * sizeof(T)) Pack {
  T v[W];
};

/// Bytes of one memory access of a thread, at most and at best.
inline constexpr int pack_bytes = 16;
/// Numbers of type T in such an access: 4 floats, 8 of 16 bits.
template <class T>
inline constexpr int pack_width = pack_bytes / static_cast<int>(sizeof(T));

/// The i-th pack of an array whose address is a multiple of the pack's size.
template <int W, class T>
__device__ Pack<W, T> load(const T* array, std::int64_t i) {
  Pack<W, T> pack;
  copy_whole(&pack, reinterpret_cast<const Pack<W, T>*>(array) + i);
  return pack;
}
template <int W, class T>
__device__ void store(T* array, std::int64_t i, const Pack<W, T>& pack) {
  copy_whole(reinterpret_cast<Pack<W, T>*>(array) + i, &pack);
}

/// Calls f(0) … f(W - 1), written out one after the other: a loop that the compiler leaves a loop
/// would keep its pack in local memory, not in registers.
template <int W, class F>
__device__ void unrolled(F f) {
  [&]<int... k>(std::integer_sequence<int, k...>) { (f(k), ...); }
  (std::make_integer_sequence<int, W>{});
}

/// Whether every one of the arrays can be read in packs of 16 bytes.
template <class... Pointers>
bool aligned_for_packs(const Pointers*... arrays) {
  return (... && (reinterpret_cast<std::uintptr_t>(arrays) % pack_bytes == 0));
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
