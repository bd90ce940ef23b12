#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// W floats that are loaded and stored at once: W = 4 is one 16-byte access, as with CUDA's float4,
/// but with an index.
namespace gradepth::inline GRADEPTH_PLATFORM {

template <int W>
struct alignas(W * sizeof(float)) Pack {
  float v[W];
};

/// The i-th pack of an array whose address is a multiple of the pack's size.
template <int W>
__device__ Pack<W> load(const float* array, std::int64_t i) {
  Pack<W> pack;
  copy_whole(&pack, reinterpret_cast<const Pack<W>*>(array) + i);
  return pack;
}
template <int W>
__device__ void store(float* array, std::int64_t i, const Pack<W>& pack) {
  copy_whole(reinterpret_cast<Pack<W>*>(array) + i, &pack);
}

/// Whether every one of the arrays can be read in packs of 4.
template <class... Pointers>
bool aligned_for_packs(const Pointers*... arrays) {
  return (... && (reinterpret_cast<std::uintptr_t>(arrays) % alignof(Pack<4>) == 0));
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
